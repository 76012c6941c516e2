"""PyPI's `tripo3d` from 1.0 on, which speaks v3, with aiohttp and with the transport that it brings along."""

import pytest

from clients.walk import Place, Run, Walk

PRICES = {
    "file": 5,
    "files": 10,
    "template": 5,
    "presigned": 5,
    "old way": 5,
    "views": 10,
    "edited views": 10,
    "words": 5,
    "task": 5,
    "address": 5,
}
HIDDEN = 5  # the program makes one more, to have an address


@pytest.fixture(scope="module", params=["tripo3d-1.0.0", "tripo3d-1.0.0-bare"])
def done(request: pytest.FixtureRequest, run: Run, plain: Place) -> Walk:
    return run("tripo3d_1_0.py", request.param, plain, LIMNER_FETCHES="1")


@pytest.mark.parametrize("task", PRICES)
def test_every_image_call_ends_in_its_picture(done: Walk, task: str) -> None:
    done.check(task)
    assert done.tasks[task]["credits"] == PRICES[task]


def test_what_it_spends_is_what_its_calls_cost(done: Walk) -> None:
    assert done.spent == [sum(PRICES.values()) + HIDDEN, 0]
    assert len(done.reported["usage"]) == 3


def test_it_asks_for_several_tasks_at_once(done: Walk) -> None:
    known, missed = done.reported["listed"]

    assert known == [done.tasks["file"]["task_id"]]
    assert missed == ["00000000-0000-4000-8000-000000000000"]


def test_a_refusal_becomes_its_own_error(done: Walk) -> None:
    refusal = done.reported["refusal"]

    assert (refusal["kind"], refusal["code"]) == ("TripoAPIError", 2009)
    assert refusal["request_id"]
    assert "emoji" in refusal["suggestion"]


def test_over_tls_nothing_changes(run: Run, secured: Place) -> None:
    done = run("tripo3d_1_0.py", "tripo3d-1.0.0-bare", secured)

    for task in done.tasks:
        done.check(task)
    assert set(done.tasks) == PRICES.keys() - {"address"}
