"""What a card says of a failure, for every kind there is, and while another try is made."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from limner.application.read import TaskView
from limner.db.tables.attempts import Attempt
from limner.domain.ids import AccountId, AttemptId, TaskId
from limner.domain.model import Models
from limner.domain.refusal import Code
from limner.domain.routing.failure import FailureKind
from limner.domain.tasks.task import Status, Task
from limner.models import shipped_models
from limner.studio.cards.card import CardMaker
from limner.studio.cards.ending import CardEnd, Endings
from limner.studio.texts import Texts, languages

KONTEXT, GPT = "flux.1_kontext_pro", "gpt_image_2"
TASK = Task(
    id=TaskId("00000000-0000-7000-8000-000000000000"),
    account=AccountId("somebody"),
    type="generate_image",
    concurrency_group="image",
    status=Status.FAILED,
    model=GPT,
    echo={"prompt": "a small cat"},
    price=10,
    consumed=0,
    priority=0,
    progress=0,
    expected_ms=10_000,
    created_ms=0,
    started_ms=1_000,
    finished_ms=2_000,
    queue_deadline_ms=60_000,
    run_limit_ms=60_000,
    cancel_requested=False,
    result=None,
    served_by=None,
    error_code=Code.FATAL,
    error_msg="the reason that the vendor gave",
)


@pytest.fixture(scope="module")
def models() -> Models:
    return shipped_models()


def attempt(kind: str | None, number: int = 1) -> Attempt:
    return Attempt(
        id=AttemptId(f"attempt {number}"),
        task=TASK.id,
        part="",
        number=number,
        route="openai/gpt-image-2",
        provider="openai",
        upstream="gpt-image-2",
        state="closed" if kind else "intended",
        outcome=kind,
        handle=None,
        result=None,
        reason="the reason that the vendor gave" if kind else None,
        detail="HTTP 429" if kind else None,
        charged=False,
        price_usd=None,
        cost_usd=None,
        intended_ms=1_000,
        submitted_ms=None,
        delivered_ms=None,
        closed_ms=2_000 if kind else None,
    )


ENGLISH = Texts()


def end_of(models: Models, task: Task, *attempts: Attempt, t: Texts = ENGLISH) -> CardEnd:
    found = Endings(t, models, (KONTEXT, GPT)).of(task, attempts)
    assert found
    return found


@pytest.mark.parametrize("t", languages().values(), ids=languages())
def test_every_kind_of_failure_has_words_and_a_way_on(models: Models, t: Texts) -> None:
    ends = [end_of(models, TASK, attempt(kind), t=t) for kind in FailureKind]

    assert len({each.say for each in ends}) == len(FailureKind) - 2  # two need the operator, two refused the request
    assert all(each.cost == t("Not charged") and len(each.actions) == 2 for each in ends)
    assert {each.actions[0].act for each in ends} == {"again", "vary"}


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        (("transient", "picture"), "The vendor is out of order"),
        (("no_image", "cancelled", "cancelled"), "The vendor answered with words, not a picture"),
        (("given_up",), "No picture was made"),
        ((), "No picture was made"),
    ],
    ids=["another picture came", "the others were stopped", "given up", "none was asked"],
)
def test_the_failure_of_several_pictures_is_the_one_that_ended_the_task(
    models: Models, kinds: Sequence[str], says: str
) -> None:
    attempts = [attempt(kind, number) for number, kind in enumerate(kinds)]

    assert end_of(models, TASK, *attempts).say == says


@pytest.mark.parametrize(
    ("message", "more", "button"),
    [
        ("files[1].url: the model takes no GIF", "image[2]: the model takes no GIF.", "Replace image[2]"),
        ("file: The file at 'a' is away.", "image[1]: The file at 'a' is away.", "Replace image[1]"),
    ],
)
def test_a_reference_is_named_as_in_the_composer(models: Models, message: str, more: str, button: str) -> None:
    end = end_of(models, replace(TASK, error_code=Code.INVALID, error_msg=message))

    assert (end.say, end.more) == ("A reference cannot be used", more)
    assert [each.label for each in end.actions] == [button]


@pytest.mark.parametrize("attempts", [("rate_limited",), ("rate_limited", None)], ids=["it waits", "it is made"])
def test_a_running_task_tells_of_another_try(models: Models, attempts: Sequence[str | None]) -> None:
    maker = CardMaker("tag", None, {}, models, now_ms=3_000)  # type: ignore[arg-type]  # no link is made
    running = replace(TASK, status=Status.RUNNING, error_code=None, error_msg=None, finished_ms=None)

    card = maker.card(TaskView(running, 0), [attempt(kind, number) for number, kind in enumerate(attempts)])

    assert (card.under_way.say, card.under_way.left) == ("Another try", "the one before: HTTP 429")
    assert (card.under_way.say_moves, card.under_way.left_moves) == (False, False)


QUEUED = {"state": "submitted", "vendor_queued_ms": 1_500}
WORKED_ON = QUEUED | {"working_ms": 2_500}


@pytest.mark.parametrize(
    ("provider", "told", "left", "moves"),
    [
        ("fal", [QUEUED], "in fal’s queue", False),
        ("midjourney", [QUEUED, QUEUED], "in Midjourney’s queue", False),
        ("ray", [QUEUED], "in the vendor’s queue", False),
        ("fal", [WORKED_ON], "about 8 s left", True),
        ("fal", [QUEUED, WORKED_ON], "about 8 s left", True),
        ("fal", [{"state": "submitted"}], "about 8 s left", True),
    ],
    ids=["waits", "all wait", "no vendor", "is worked on", "one is worked on", "nothing is known"],
)
def test_a_running_task_tells_that_it_waits_at_the_vendor(
    models: Models, provider: str, told: Sequence[dict[str, object]], left: str, *, moves: bool
) -> None:
    maker = CardMaker("tag", None, {}, models, now_ms=3_000)  # type: ignore[arg-type]  # no link is made
    running = replace(TASK, status=Status.RUNNING, error_code=None, error_msg=None, finished_ms=None)
    open_ones = [replace(attempt(None, n), provider=provider, part=str(n), **facts) for n, facts in enumerate(told)]  # type: ignore[arg-type]

    card = maker.card(TaskView(running, 0), open_ones)

    assert (card.under_way.left, card.under_way.say_moves, card.under_way.left_moves) == (left, True, moves)
