from itertools import product
from pathlib import Path

import numpy as np
import pytest

import limner_builtin
from limner_builtin.assets import lexicon, plate_names, plate_picture
from limner_builtin.raster.pixels import luma, to_hsv
from limner_builtin.reading.meaning import OUTDOORS, Setting
from limner_builtin.scene.palettes import PALETTES
from limner_builtin.scene.plates import backdrop, plate_of, podium

PLACES = sorted(set(lexicon()["places"]) - {"studio"})


@pytest.mark.parametrize("place", PLACES)
def test_every_place_has_a_plate_and_a_light_at_every_hour(place: str) -> None:
    for time, weather in product(("day", "sunset", "night"), ("clear", "snow", "rain", "fog")):
        plate = plate_of(Setting(place, time, weather))

        assert plate.name in plate_names()
        assert 0.5 < plate.floor < 0.8
    assert place in PALETTES


def test_every_plate_is_one_size_and_small() -> None:
    archive = Path(limner_builtin.__file__).parent / "assets" / "plates.zip"

    assert {plate_picture(name).size for name in plate_names()} == {(960, 720)}
    assert archive.stat().st_size < 40_000 * len(plate_names())


@pytest.mark.parametrize("place", sorted(OUTDOORS - {"sky"}))
def test_it_is_darker_by_night_and_warmer_at_sunset(place: str) -> None:
    day, sunset, night = (
        backdrop(Setting(place, time), (96, 96), np.random.default_rng(1)).picture
        for time in ("day", "sunset", "night")
    )

    assert luma(night).mean() < 0.6 * luma(day).mean()
    assert (sunset[..., 0] - sunset[..., 2]).mean() > (day[..., 0] - day[..., 2]).mean() + 0.1


@pytest.mark.parametrize("weather", ["rain", "fog"])
def test_bad_weather_takes_colour_away(weather: str) -> None:
    clear, bad = (
        backdrop(Setting("meadow", weather=each), (96, 96), np.random.default_rng(1)).picture
        for each in ("clear", weather)
    )

    assert to_hsv(bad)[1].mean() < 0.8 * to_hsv(clear)[1].mean()


def test_no_weather_comes_indoors() -> None:
    dry, wet = (
        backdrop(Setting("room", weather=each), (96, 96), np.random.default_rng(1)).picture for each in ("clear", "fog")
    )

    assert np.array_equal(dry, wet)


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (300, 100)])
def test_a_plate_fits_any_shape_and_is_mirrored_by_the_draw(size: tuple[int, int]) -> None:
    backs = [backdrop(Setting("beach"), size, np.random.default_rng(seed)) for seed in range(8)]

    assert {back.picture.shape for back in backs} == {(size[1], size[0], 3)}
    assert {back.mirrored for back in backs} == {True, False}
    left, right = (next(back for back in backs if back.mirrored is which) for which in (False, True))
    assert np.allclose(left.picture[:, ::-1], right.picture)


def test_the_podium_takes_the_hue_that_flatters_its_thing() -> None:
    picture = podium((96, 96), 210.0, 0.4, np.random.default_rng(2)).picture

    hue, saturation, _ = to_hsv(picture)
    assert np.median(hue[saturation > 0.1]) == pytest.approx(210, abs=6)


def test_another_planet_has_the_hue_that_is_asked_for() -> None:
    green, red = (
        backdrop(Setting("alien", hue=hue), (96, 96), np.random.default_rng(2)).picture.mean((0, 1))
        for hue in (120.0, 0.0)
    )

    assert green.argmax() == 1
    assert red.argmax() == 0
