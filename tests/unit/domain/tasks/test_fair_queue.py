import pytest

from limner.domain.tasks.fair_queue import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, QUANTUM, step

PRIORITIES = range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1)


def test_an_ordinary_task_costs_one_quantum() -> None:
    assert step(DEFAULT_PRIORITY) == QUANTUM


def test_a_higher_priority_takes_a_smaller_step_but_never_none() -> None:
    steps = [step(priority) for priority in PRIORITIES]

    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == len(steps)
    assert all(each > 0 for each in steps)


@pytest.mark.parametrize("priority", PRIORITIES)
def test_steps_are_whole_parts_of_a_quantum_so_that_nothing_drifts(priority: int) -> None:
    assert QUANTUM % step(priority) == 0


@pytest.mark.parametrize("priority", [LOWEST_PRIORITY - 1, HIGHEST_PRIORITY + 1])
def test_no_other_priority_has_a_step(priority: int) -> None:
    with pytest.raises(KeyError):
        step(priority)
