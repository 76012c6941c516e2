import gc
from collections.abc import Iterator

import pytest

from limner.cli.serving.garbage import NEW_OBJECTS, exempt_startup_objects


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_the_start_made_is_not_looked_through_again() -> None:
    made: list[list[object]] = [[]]

    exempt_startup_objects()

    assert gc.get_freeze_count() > 0
    assert not any(each is made for each in gc.get_objects())
    assert gc.get_threshold()[0] == NEW_OBJECTS
