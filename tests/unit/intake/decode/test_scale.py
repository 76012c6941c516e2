import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from limner.intake.decode import scale
from limner.intake.decode.scale import fit, fitted
from unit.intake.pictures import scene

sides = st.integers(1, 10**7)


@given(sides, sides, st.integers(1, 10_000))
def test_fitted_sides_are_within_and_never_vanish(width: int, height: int, longest: int) -> None:
    across, down = fitted(width, height, longest)

    assert 1 <= across <= max(1, min(width, longest))
    assert 1 <= down <= max(1, min(height, longest))


def test_small_pictures_are_not_touched() -> None:
    image = scene()

    assert fit(image, 48) is image


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "CMYK"])
def test_bands_make_no_seams(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.radial_gradient("L").resize((501, 403)).convert(mode)
    whole = fit(image, 60)
    monkeypatch.setattr(scale, "_BAND_PIXELS", 501 * 9)

    difference = ImageChops.difference(whole.convert("RGB"), fit(image, 60).convert("RGB"))

    assert max(high for _, high in difference.getextrema()) == 0
