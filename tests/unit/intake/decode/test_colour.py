import pytest
from PIL import Image, ImageCms

from limner.intake.decode.colour import to_srgb
from unit.intake.pictures import scene, srgb_profile


def xyz_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()


def swapped_profile() -> bytes:
    """sRGB with its red and green primaries exchanged: a picture in it shows whether it was obeyed."""
    data = bytearray(srgb_profile())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


def test_a_profile_is_obeyed() -> None:
    assert to_srgb(Image.new("RGB", (2, 2), (255, 0, 0)), swapped_profile()).getpixel((0, 0)) == (0, 255, 0)


def test_alpha_passes_by_the_profile() -> None:
    image = Image.new("RGBA", (2, 2), (255, 0, 0, 77))

    assert to_srgb(image, swapped_profile()).getpixel((0, 0)) == (0, 255, 0, 77)


def test_srgb_itself_changes_nothing_visible() -> None:
    before, after = scene().tobytes(), to_srgb(scene(), srgb_profile()).tobytes()

    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= 1


@pytest.mark.parametrize("profile", [b"", b"garbage", srgb_profile()[:200], bytes(500), xyz_profile()])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
def test_a_senseless_profile_counts_as_none(profile: bytes, mode: str) -> None:
    image = scene(mode=mode)

    assert to_srgb(image, profile).tobytes() == to_srgb(image, None).tobytes()


def test_a_profile_of_another_colour_space_counts_as_none() -> None:
    grey = scene(mode="L")

    assert to_srgb(grey, srgb_profile()).tobytes() == grey.convert("RGB").tobytes()
