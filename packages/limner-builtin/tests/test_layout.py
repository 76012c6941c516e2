from itertools import pairwise

import pytest

from limner_builtin.reading.meaning import Relation
from limner_builtin.scene.layout import LayoutBody, arranged

FOX, CASTLE, CROWN, STAR = (
    LayoutBody(1.0, 0.8),
    LayoutBody(1.1, 2.0),
    LayoutBody(1.3, 0.5),
    LayoutBody(1.0, 1.0, aloft=True),
)


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize(("width", "height"), [(1024, 1024), (1360, 768), (768, 1360)])
def test_nothing_leaves_the_frame(count: int, width: int, height: int) -> None:
    bodies = [
        LayoutBody(1.4, 1.0, count=count),
        LayoutBody(1.3, 0.5, Relation.WEAR),
        LayoutBody(0.6, 2.2, Relation.FRONT),
        STAR,
    ]

    boxes = arranged(bodies, width, height)

    assert len(boxes) == count + 3
    assert all(box.left >= 0 and box.left + box.width <= width for box in boxes)
    assert all(box.top >= 0 and box.foot <= height for box in boxes)


def test_a_single_subject_is_large_and_centred() -> None:
    (box,) = arranged([FOX], 1024, 1024)

    assert abs(box.left + box.width / 2 - 512) < 4
    assert box.height > 600


def test_what_stands_behind_is_drawn_first() -> None:
    castle_in_front_of = LayoutBody(1.1, 2.0, Relation.FRONT)

    boxes = arranged([FOX, castle_in_front_of], 1024, 1024)

    assert [box.body for box in boxes] == [1, 0]
    assert boxes[0].foot < boxes[1].foot


def test_a_crown_sits_on_the_head() -> None:
    fox, crown = arranged([FOX, LayoutBody(1.3, 0.5, Relation.WEAR)], 1024, 1024)

    assert crown.top < fox.top < crown.foot < fox.top + fox.height / 2


def test_a_cut_subject_reaches_the_lower_edge() -> None:
    (box,) = arranged([LayoutBody(1.0, 1.3, cut=True)], 1024, 1024)

    assert box.foot == 1024


def test_what_stands_beside_a_cut_subject_stays_above_the_edge() -> None:
    dog, person = arranged([LayoutBody(1.0, 1.3, cut=True), FOX], 1024, 1024)

    assert (dog.body, person.body) == (1, 0)
    assert dog.foot < person.foot == 1024


def test_things_in_the_air_hover_when_they_are_alone() -> None:
    boxes = arranged([LayoutBody(1.0, 1.0, count=3, aloft=True)], 1024, 1024)

    assert len({box.left for box in boxes}) == 3
    assert not any(box.grounded for box in boxes)


def test_the_support_is_below_what_stands_on_it() -> None:
    table, cat = arranged([FOX, LayoutBody(2.0, 0.9, Relation.ON)], 1024, 1024)

    assert (table.body, cat.body) == (1, 0)
    assert cat.foot < table.foot
    assert table.width >= cat.width * 0.9


def test_the_sky_stays_behind_the_ground() -> None:
    boxes = arranged([CASTLE, STAR], 1024, 1024)

    assert boxes[0].body == 1


def test_an_even_number_stands_so_that_nobody_is_hidden() -> None:
    boxes = arranged([LayoutBody(1.0, 1.0, count=4)], 1024, 1024)

    middles = sorted(box.left + box.width / 2 for box in boxes)
    assert min(after - before for before, after in pairwise(middles)) > 0.2 * boxes[0].width


def test_a_rider_is_behind_the_back_of_the_mount() -> None:
    rider, horse = LayoutBody(0.6, 1.0), LayoutBody(1.2, 1.2, Relation.RIDE)

    first, second = arranged([rider, horse], 1024, 1024)

    assert (first.body, second.body) == (0, 1)
    assert first.top < second.top < first.foot


def test_who_sits_on_a_bench_is_in_front_of_its_back() -> None:
    cat, bench = LayoutBody(1.0, 0.8), LayoutBody(1.6, 0.9, Relation.ON, seat=0.58)

    first, second = arranged([cat, bench], 1024, 1024)

    assert (first.body, second.body) == (1, 0)
    assert first.top < second.foot < first.foot


def test_a_small_rider_is_on_top() -> None:
    mouse, elephant = LayoutBody(1.2, 0.4), LayoutBody(1.2, 2.0, Relation.RIDE)

    boxes = {box.body: box for box in arranged([mouse, elephant], 1024, 1024)}

    assert boxes[0].foot < boxes[1].top + boxes[1].height // 4
