"""Sizes as callers write them, and the nearest size that an upstream makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.picture_size import exact_size, nearest_class, normalised_size, shape_of
from limner.domain.routing.abilities import Abilities, SizeLimits

GPT_IMAGE = SizeLimits(step=16, least=16, most=3840, min_pixels=655_360, max_pixels=8_294_400, ratio=3.0)


@pytest.mark.parametrize(
    ("text", "size"), [("2k", "2K"), (" 4K ", "4K"), ("1536x1024", "1536x1024"), ("1536X1024", "1536x1024")]
)
def test_a_size_has_one_spelling(text: str, size: str) -> None:
    assert normalised_size(text) == size


@pytest.mark.parametrize("text", ["8K", "", "big", "0x0", "63x64", "4097x1024", "1024x", "64x4096", "1e3x1e3", "-1x5"])
def test_a_size_that_no_model_makes_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"no model makes|one of 1K"):
        normalised_size(text)


def test_a_class_has_no_pixels_of_its_own() -> None:
    assert exact_size("2K") is None
    assert exact_size("1536x1024") == (1536, 1024)


def test_the_shape_is_in_lowest_terms() -> None:
    assert shape_of(1536, 1024) == "3:2"


def test_the_nearest_class_is_by_ratio_of_pixels() -> None:
    assert nearest_class(1920 * 1080, ("1K", "2K", "4K")) == "1K"
    assert nearest_class(2048 * 1536, ("1K", "2K", "4K")) == "2K"
    assert nearest_class(4096 * 4096, ("1K",)) == "1K"


@given(st.integers(64, 4096), st.integers(64, 4096))
def test_the_nearest_size_is_within_all_limits(width: int, height: int) -> None:
    made = GPT_IMAGE.nearest(width, height)
    assert all(side % 16 == 0 and 16 <= side <= 3840 for side in made)
    assert 655_360 <= made[0] * made[1] <= 8_294_400
    assert max(made) <= 3 * min(made)


def test_a_size_that_can_be_made_is_left_as_it_is() -> None:
    assert GPT_IMAGE.nearest(1536, 1024) == (1536, 1024)
    assert SizeLimits(only=((1024, 1024), (1536, 1024))).nearest(1500, 1000) == (1536, 1024)


def test_a_listing_names_only_what_is_obeyed() -> None:
    assert Abilities().as_json() == {}
    able = Abilities(seed=True, qualities=frozenset({"low", "high"}), size_classes=frozenset({"2K", "1K"}))
    assert able.as_json() == {"seed": True, "size_classes": ["1K", "2K"], "qualities": ["low", "high"]}
