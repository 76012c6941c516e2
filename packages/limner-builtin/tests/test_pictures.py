"""The parts that are arithmetic on pixels."""

import numpy as np
import pytest

from limner_builtin.raster.components import enclosed, regions
from limner_builtin.raster.inflation import inflated
from limner_builtin.raster.pixels import blurred, from_hsv, grid, to_hsv
from limner_builtin.raster.vector import filled
from limner_builtin.sprites.materials import Material, Paint, painted


def disc(size: int, radius: float) -> np.ndarray:
    x, y = grid(size, size)
    return (np.hypot(x - size / 2, y - size / 2) < radius).astype(np.float32)


def test_an_inflated_disc_is_a_hemisphere() -> None:
    height = inflated(disc(128, 40), thickness=4000)

    assert height[64, 64] == pytest.approx(40, rel=0.1)
    assert height[64, 64 + 24] == pytest.approx(32, rel=0.1)
    assert height[2, 2] == 0


def test_a_broad_body_flattens_at_the_requested_thickness() -> None:
    assert inflated(disc(256, 120), thickness=40).max() == pytest.approx(40, rel=0.12)


def test_regions_are_joined_across_rows() -> None:
    mask = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 1], [0, 0, 0], [0, 1, 0]], bool)

    labels, found = regions(mask)

    assert [region.area for region in found] == [7, 1]
    assert labels[0, 0] == labels[0, 2] != labels[4, 1]


def test_holes_are_enclosed() -> None:
    ring = disc(40, 16).astype(bool) & ~disc(40, 8).astype(bool)

    assert (enclosed(ring) == disc(40, 16).astype(bool)).all()


def test_colours_survive_the_way_there_and_back() -> None:
    picture = np.random.default_rng(1).random((8, 8, 3)).astype(np.float32)

    assert np.allclose(from_hsv(*to_hsv(picture)), picture, atol=1e-5)


def test_a_wide_blur_keeps_the_mean() -> None:
    plane = np.random.default_rng(2).random((120, 120)).astype(np.float32)

    assert blurred(plane, 9).mean() == pytest.approx(plane.mean(), rel=0.01)


def test_a_square_path_covers_a_quarter() -> None:
    assert filled(["M0 0h50v50h-50z"], 100, 100, 0).sum() == pytest.approx(2500, rel=0.01)


def test_a_circle_of_two_arcs_has_the_area_of_a_circle() -> None:
    area = filled(["M10 50a40 40 0 1080 0a40 40 0 10-80 0z"], 100, 100, 0).sum()

    assert area == pytest.approx(np.pi * 1600, rel=0.02)


def test_an_opposite_inner_outline_is_a_hole() -> None:
    assert filled(["M0 0h90v90h-90zM30 30v30h30v-30z"], 90, 90, 0)[45, 45] == 0


def test_a_hue_is_moved_and_grey_parts_stay() -> None:
    picture = np.full((20, 20, 3), 0.5, np.float32)
    picture[:10] = (0.9, 0.2, 0.1)

    blue = painted(picture, np.ones((20, 20), np.float32), Paint(hue=218))

    assert blue[5, 5, 2] > blue[5, 5, 0]
    assert np.allclose(blue[15, 15], 0.5, atol=0.02)


def test_gold_is_warm_whatever_it_was() -> None:
    picture = np.random.default_rng(3).random((16, 16, 3)).astype(np.float32)

    gold = painted(picture, np.ones((16, 16), np.float32), Paint(material=Material.GOLD))

    assert (gold[..., 0] >= gold[..., 2]).all()
