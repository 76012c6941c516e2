"""The judge of a run under fire sees each kind of wrong, and none where there is none."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from crash.chaos.customer import Story
from crash.chaos.facts import Account, Attempt, Facts, Purchase
from crash.chaos.verdict import judge
from limner_vendors import sha_of

PROMPT = "task 000001 of run 7: a fox at night"
BOUGHT = Attempt("t", "fal", 1, "closed", "picture", charged=True, handle='{"id":"j1"}', brought=True)
LOST = replace(BOUGHT, outcome="unknown_outcome", charged=False, handle="", brought=False)
BROKEN = replace(BOUGHT, outcome="bad_output", handle='{"id":"j0"}', brought=False)
SOLD = Purchase("fal", "fal-ai/flux/dev", "j1", charged=True, prompt=f"{PROMPT}, sharp")
HOLD, SETTLE, RELEASE = ("hold", -5, 5), ("settle", 0, -5), ("release", 5, -5)
MESSAGE = ("m1", "t", "task.succeeded", "delivered")
STORY = Story(1, PROMPT, "flux.1_dev", "t", "success", 5, sha_of(SOLD.prompt)[:12])
GOOD = Account(
    *("t", "flux.1_dev", "success", 5, 5, 1, False, "", PROMPT),
    attempts=[BOUGHT],
    purchases=[SOLD],
    events=["queued", "running", "success"],
    movements=[HOLD, SETTLE],
)
FAILED = replace(
    GOOD, status="failed", consumed=0, error="why", events=["queued", "running", "failed"], movements=[HOLD, RELEASE]
)


def judged(account: Account, story: Story | None = None, *, heard: bool = True, **facts: object) -> list[str]:
    story = story or replace(STORY, status=account.status, consumed=account.consumed)
    told = {"m1": [("t", account.status)]} if heard else {}
    return judge(replace(Facts([account], [MESSAGE]), **facts), [story], told)


def numbered(*attempts: Attempt) -> Sequence[Attempt]:
    return [replace(each, number=number) for number, each in enumerate(attempts, 1)]


@pytest.mark.parametrize(
    "account",
    [
        GOOD,
        replace(GOOD, attempts=numbered(LOST, BOUGHT)),
        replace(GOOD, attempts=numbered(LOST, BOUGHT), purchases=[replace(SOLD, handle="j9"), SOLD]),
        replace(GOOD, attempts=numbered(BROKEN, BOUGHT), purchases=[replace(SOLD, handle="j0"), SOLD]),
        replace(FAILED, attempts=numbered(LOST, LOST), purchases=[SOLD]),
        replace(FAILED, attempts=[], purchases=[], status="cancelled", events=["queued", "cancelled"], cancelled=True),
    ],
)
def test_what_is_well_is_not_complained_of(account: Account) -> None:
    assert judged(account) == []


@pytest.mark.parametrize(
    ("account", "wrong"),
    [
        (replace(GOOD, events=["queued", "running", "success", "success"]), "its events tell of the ends"),
        (replace(GOOD, status="running"), "it is running"),
        (replace(GOOD, movements=[HOLD, SETTLE, RELEASE]), "its credits moved"),
        (replace(GOOD, consumed=4), "it cost 4 of 5"),
        (replace(GOOD, attempts=[replace(BOUGHT, state="submitted", outcome=None)]), "attempt 1 is submitted"),
        (replace(GOOD, purchases=[SOLD, replace(SOLD, handle="j2")]), "fal charged 2"),
        (replace(GOOD, purchases=[]), "fal sold 0"),
        (replace(GOOD, purchases=[replace(SOLD, handle="j2")]), "has a handle that fal never gave"),
        (replace(GOOD, purchases=[replace(SOLD, vendor="bfl")]), "bfl charged 1"),
        (replace(GOOD, attempts=numbered(LOST, LOST, BOUGHT)), "ordered again 2 times after unknown_outcome"),
        (replace(GOOD, attempts=numbered(BOUGHT, BOUGHT)), "ordered again after a picture"),
        (replace(GOOD, attempts=[replace(BOUGHT, brought=False)]), "succeeded without a picture"),
        (FAILED, "brought a picture, and the task is failed"),
        (replace(FAILED, attempts=[replace(BOUGHT, outcome="given_up", brought=False)]), "has a handle and ended"),
        (replace(FAILED, attempts=[], purchases=[SOLD]), "1 purchases are lost"),
        (replace(FAILED, attempts=[LOST], error=""), "nothing says why"),
        (replace(GOOD, purchases=[SOLD, replace(SOLD, vendor="midjourney", model="upscale")]), "were picked of 0"),
    ],
)
def test_what_is_wrong_with_a_task_is_seen(account: Account, wrong: str) -> None:
    assert any(wrong in each for each in judged(account))


@pytest.mark.parametrize(
    ("story", "wrong"),
    [
        (replace(STORY, task="u"), "promised to nobody"),
        (replace(STORY, task="u"), "was promised and is not there"),
        (replace(STORY, status="failed"), "its client saw failed"),
        (replace(STORY, drawn_for="0" * 12), "its picture was drawn for '000000000000'"),
        (replace(STORY, wrongs=["12 bytes are no picture"]), "12 bytes are no picture"),
    ],
)
def test_what_a_client_saw_is_held_against_what_is_written(story: Story, wrong: str) -> None:
    assert any(wrong in each for each in judged(GOOD, story))


def test_two_clients_are_not_promised_one_task() -> None:
    wrongs = judge(Facts([GOOD], [MESSAGE]), [STORY, STORY], {"m1": [("t", "success")]})

    assert "2 clients were promised task t" in wrongs


def test_a_message_that_never_came_is_missed() -> None:
    assert any("never arrived" in each for each in judged(GOOD, heard=False))


@pytest.mark.parametrize(
    ("deliveries", "wrong"),
    [
        ([], "0 messages tell of the end"),
        ([MESSAGE, ("m2", *MESSAGE[1:])], "2 messages"),
        ([(*MESSAGE[:3], "pending")], "is pending"),
    ],
)
def test_each_end_is_told_by_one_message(deliveries: list[tuple[str, str, str, str]], wrong: str) -> None:
    assert any(wrong in each for each in judged(GOOD, deliveries=deliveries))


def test_a_purchase_for_nobody_and_a_broken_rule_are_told() -> None:
    wrongs = judged(GOOD, strangers=[SOLD], violations=["key sent to a delivery host"])

    assert any("for nobody's task" in each for each in wrongs)
    assert any("a vendor's rule was broken" in each for each in wrongs)
