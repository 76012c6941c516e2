import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.aspect_ratio import nearest, ratio, size_for, within

SHAPES = st.tuples(st.integers(1, 999), st.integers(1, 999)).map(lambda sides: f"{sides[0]}:{sides[1]}")


def test_a_ratio_is_width_over_height() -> None:
    assert ratio("3:2") == 1.5


@pytest.mark.parametrize(("wanted", "found"), [("16:10", "3:2"), ("1:1", "1:1"), ("9:1", "16:9"), ("1:9", "2:3")])
def test_the_nearest_shape_is_found_among_wide_and_tall_ones(wanted: str, found: str) -> None:
    assert nearest(wanted, ("16:9", "3:2", "1:1", "2:3")) == found


def test_wide_and_tall_count_alike() -> None:
    assert nearest("1:1", ("2:1", "3:5")) == "3:5"
    assert nearest("1:1", ("1:2", "5:3")) == "5:3"


@pytest.mark.parametrize(
    ("wanted", "found"), [("9:21", "9:21"), ("21:9", "21:9"), ("5:4", "5:4"), ("3:1", "21:9"), ("1:3", "9:21")]
)
def test_what_lies_beyond_the_limits_is_brought_to_them(wanted: str, found: str) -> None:
    assert within(wanted, "9:21", "21:9") == found


@given(SHAPES)
def test_sides_keep_their_limits_and_their_step(wanted: str) -> None:
    for side in size_for(wanted, pixels=1024 * 1024, step=32, least=256, most=1440):
        assert 256 <= side <= 1440
        assert side % 32 == 0


@given(SHAPES.filter(lambda shape: 0.5 <= ratio(shape) <= 2))
def test_sides_keep_the_shape_and_the_number_of_pixels(wanted: str) -> None:
    width, height = size_for(wanted, pixels=1024 * 1024, step=16, least=64, most=2048)

    assert width / height == pytest.approx(ratio(wanted), rel=0.03)
    assert width * height == pytest.approx(1024 * 1024, rel=0.03)
