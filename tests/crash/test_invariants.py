"""The invariants of a chaos run: each violation is found, and a good run has none."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from crash.chaos.client import ClientRecord
from crash.chaos.invariants import find_violations
from crash.chaos.records import Attempt, Purchase, RunRecords, TaskRecord
from limner_vendors import sha_of

PROMPT = "task 000001 of run 7: a fox at night"
BOUGHT = Attempt("t", "fal", 1, "closed", "picture", charged=True, handle='{"id":"j1"}', delivered=True)
LOST = replace(BOUGHT, outcome="unknown_outcome", charged=False, handle="", delivered=False)
BROKEN = replace(BOUGHT, outcome="bad_output", handle='{"id":"j0"}', delivered=False)
EMPTY = replace(BROKEN, outcome="no_image")
SOLD = Purchase("fal", "fal-ai/flux/dev", "j1", charged=True, prompt=f"{PROMPT}, sharp")
HOLD, SETTLE, RELEASE = ("hold", -5, 5), ("settle", 0, -5), ("release", 5, -5)
MESSAGE = ("m1", "t", "task.succeeded", "delivered")
STORY = ClientRecord(1, PROMPT, "flux.1_dev", "t", "success", 5, sha_of(SOLD.prompt)[:12])
GOOD = TaskRecord(
    *("t", "flux.1_dev", "success", 5, 5, 1, False, "", PROMPT),
    attempts=[BOUGHT],
    purchases=[SOLD],
    events=["queued", "running", "success"],
    movements=[HOLD, SETTLE],
)
SECOND = replace(BOUGHT, part="2", handle='{"id":"j2"}')
SEVERAL = replace(
    GOOD,
    price=10,
    consumed=10,
    pictures=2,
    attempts=[replace(BOUGHT, part="1"), SECOND],
    purchases=[SOLD, replace(SOLD, handle="j2")],
    movements=[("hold", -10, 10), ("settle", 0, -10)],
)
PARTLY = replace(
    SEVERAL,
    consumed=5,
    error="1 of 2 pictures were made; then: why",
    attempts=[replace(BOUGHT, part="1"), replace(LOST, part="2")],
    purchases=[SOLD],
    movements=[("hold", -10, 10), ("settle", 5, -10)],
)
FAILED = replace(
    GOOD, status="failed", consumed=0, error="why", events=["queued", "running", "failed"], movements=[HOLD, RELEASE]
)


def judged(
    task: TaskRecord, record: ClientRecord | None = None, *, arrived: bool = True, **records: object
) -> list[str]:
    record = record or replace(STORY, status=task.status, consumed=task.consumed, links=task.delivered)
    received = {"m1": [("t", task.status)]} if arrived else {}
    return find_violations(replace(RunRecords([task], [MESSAGE]), **records), [record], received)


def numbered(*attempts: Attempt) -> Sequence[Attempt]:
    return [replace(each, number=number) for number, each in enumerate(attempts, 1)]


@pytest.mark.parametrize(
    "task",
    [
        GOOD,
        replace(GOOD, attempts=numbered(LOST, BOUGHT)),
        replace(GOOD, attempts=numbered(LOST, BOUGHT), purchases=[replace(SOLD, handle="j9"), SOLD]),
        replace(GOOD, attempts=numbered(BROKEN, BOUGHT), purchases=[replace(SOLD, handle="j0"), SOLD]),
        replace(FAILED, attempts=numbered(LOST, LOST), purchases=[SOLD]),
        SEVERAL,
        PARTLY,
        replace(FAILED, attempts=[], purchases=[], status="cancelled", events=["queued", "cancelled"], cancelled=True),
    ],
)
def test_a_correct_task_has_no_violation(task: TaskRecord) -> None:
    assert judged(task) == []


@pytest.mark.parametrize(
    ("task", "violation"),
    [
        (replace(GOOD, events=["queued", "running", "success", "success"]), "its final events are"),
        (replace(GOOD, status="running"), "it is running"),
        (replace(GOOD, movements=[HOLD, SETTLE, RELEASE]), "its credits moved"),
        (replace(GOOD, consumed=4), "it cost 4 of 5"),
        (replace(GOOD, attempts=[replace(BOUGHT, state="submitted", outcome=None)]), "attempt 1 is submitted"),
        (replace(GOOD, purchases=[SOLD, replace(SOLD, handle="j2")]), "fal charged 2"),
        (replace(GOOD, purchases=[]), "fal sold 0"),
        (replace(GOOD, purchases=[replace(SOLD, handle="j2")]), "has a handle that fal never gave"),
        (replace(GOOD, purchases=[replace(SOLD, vendor="bfl")]), "bfl charged 1"),
        (replace(GOOD, attempts=numbered(LOST, LOST, BOUGHT)), "ordered again 2 times after unknown_outcome"),
        (replace(GOOD, attempts=numbered(BROKEN, EMPTY, EMPTY, BOUGHT)), "again 3 times after bad_output or no_image"),
        (replace(GOOD, attempts=numbered(BOUGHT, BOUGHT)), "ordered again after a picture"),
        (replace(GOOD, attempts=[replace(BOUGHT, delivered=False)]), "succeeded without a picture"),
        (FAILED, "delivered a picture, and the task is failed"),
        (replace(SEVERAL, consumed=5), "it cost 5 of 10"),
        (replace(PARTLY, consumed=10), "it cost 10 of 10"),
        (replace(PARTLY, error=""), "with 1 of 2 pictures, without an error message"),
        (replace(PARTLY, movements=[("hold", -10, 10), ("settle", 0, -10)]), "its credits moved"),
        (replace(SEVERAL, attempts=[*SEVERAL.attempts, replace(SECOND, number=2)]), "ordered again after a picture"),
        (replace(FAILED, attempts=[replace(BOUGHT, outcome="given_up", delivered=False)]), "has a handle and ended"),
        (replace(FAILED, attempts=[], purchases=[SOLD]), "1 charges without a picture"),
        (replace(FAILED, attempts=[LOST], error=""), "without an error message"),
        (replace(GOOD, purchases=[SOLD, replace(SOLD, vendor="midjourney", model="upscale")]), "upscales of 0"),
    ],
)
def test_a_violation_in_a_task_is_found(task: TaskRecord, violation: str) -> None:
    assert any(violation in each for each in judged(task))


@pytest.mark.parametrize(
    ("record", "violation"),
    [
        (replace(STORY, task="u"), "belongs to no client"),
        (replace(STORY, task="u"), "was accepted and does not exist"),
        (replace(STORY, status="failed"), "its client saw failed"),
        (replace(STORY, prompt_sha12="0" * 12), "its picture shows the prompt '000000000000'"),
        (replace(STORY, violations=["12 bytes are not a picture"]), "12 bytes are not a picture"),
    ],
)
def test_a_client_s_view_is_compared_with_the_database(record: ClientRecord, violation: str) -> None:
    assert any(violation in each for each in judged(GOOD, record))


def test_two_clients_with_one_task_are_found() -> None:
    violations = find_violations(RunRecords([GOOD], [MESSAGE]), [STORY, STORY], {"m1": [("t", "success")]})

    assert "2 clients have task t" in violations


def test_a_missing_webhook_message_is_found() -> None:
    assert any("never arrived" in each for each in judged(GOOD, arrived=False))


@pytest.mark.parametrize(
    ("deliveries", "violation"),
    [
        ([], "0 messages for one end"),
        ([MESSAGE, ("m2", *MESSAGE[1:])], "2 messages"),
        ([(*MESSAGE[:3], "pending")], "is pending"),
    ],
)
def test_each_ended_task_needs_one_delivered_message(
    deliveries: list[tuple[str, str, str, str]], violation: str
) -> None:
    assert any(violation in each for each in judged(GOOD, deliveries=deliveries))


def test_an_unmatched_purchase_and_a_broken_vendor_rule_are_found() -> None:
    violations = judged(GOOD, unmatched_purchases=[SOLD], violations=["key sent to a delivery host"])

    assert any("for no known task" in each for each in violations)
    assert any("a vendor's rule was broken" in each for each in violations)
