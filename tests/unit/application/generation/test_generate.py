"""Getting a picture: what is tried again and how often, what is taken up, what stops it, and what it costs."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from fakes import FrozenClock, ManualClock, ScriptedProvider, ScriptLine, gif, invalid_picture, never_answers, picture
from generating import generator
from limner.application.generation import generate as generating_module
from limner.application.generation.disk_guard import REFUSAL_PAUSE_MS, DiskGuard
from limner.application.generation.generate import MAX_FREE_RETRIES
from limner.application.generation.generation import Generation, SiblingFailure
from limner.application.generation.interrupt import Interrupt, Interrupted, Reason
from limner.application.generation.journal import DeliveredImage, KeptImage, SpendJournal
from limner.application.generation.routing import Routing
from limner.db.store import StoreUnavailable
from limner.domain.ids import AttemptId, TaskId
from limner.domain.routing.failure import RETRIES, Failure, FailureKind
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.tasks.spec import TaskSpec
from limner.models import shipped_models
from limner.ports.blobs import StorageRefuses, Stored
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending
from limner.providers.sandbox import card
from stores import PICTURE, ROUTE, ServiceHarness, intend_attempt

RESEND, REFUND = UnknownOutcome.RESEND_ONCE, UnknownOutcome.FAIL_AND_REFUND
HANDLE = {"id": "job-1"}
RUN_LIMIT_S = 900
EARLIER = KeptImage(PICTURE, {"provider": "scripted", "generative": True})


@dataclass
class GenerateHarness:
    """One image of a running task, and a scripted vendor."""

    service: ServiceHarness
    task: TaskId
    vendor: ScriptedProvider = field(default_factory=ScriptedProvider)
    route: Route = ROUTE
    reported: list[int] = field(default_factory=list)
    interrupt: Interrupt = field(default_factory=Interrupt)
    disk_guard: DiskGuard = field(default_factory=DiskGuard)

    @property
    def clock(self) -> ManualClock:
        return self.service.clock

    @property
    def journal(self) -> SpendJournal:
        return SpendJournal(self.service.store, self.clock)

    def script_vendor(self, *script: ScriptLine, **facts: Any) -> "GenerateHarness":
        self.vendor = ScriptedProvider(list(script), **facts)
        return self

    async def generate(self, siblings: SiblingFailure | None = None) -> KeptImage | Failure:
        task = await self.service.task(self.task)
        routing = Routing(
            {"scripted": self.vendor},
            "scripted",
            RUN_LIMIT_S,
            RESEND,
            routes={"flux.1_kontext_pro": (self.route,)},
            models=shipped_models(),
        )
        generate = generator(self.journal, routing, self.service.blobs, self.disk_guard)
        order = GenerationRequest(
            self.task, "", "", "a red fox", TaskSpec("a red fox"), (), None, 7, self.service.scratch
        )
        deadline_ms = (task.started_ms or 0) + RUN_LIMIT_S * 1000
        return await generate(
            Generation(
                task=self.task,
                part="",
                compose=lambda _route: order,
                routes=(self.route,),
                interrupt=self.interrupt,
                submit_until_ms=deadline_ms,
                deadline_ms=deadline_ms,
                report=self.reported.append,
                owner="worker",
                siblings=siblings or SiblingFailure(),
                attempts=await self.journal.of(self.task),
                record=self.journal.delivered,
            )
        )

    async def leave_attempt(self, state: str, number: int = 1, handle: Mapping[str, Any] = HANDLE) -> AttemptId:
        attempt = await intend_attempt(self.journal, self.task, number, self.route)
        if state == "submitted":
            await self.journal.submitted(attempt, handle)
        if state == "delivered":
            await self.journal.delivered(DeliveredImage(attempt, self.route, EARLIER, 10, 0.04))
        return attempt

    async def close_attempts(self, *kinds: FailureKind) -> None:
        for number, kind in enumerate(kinds, 1):
            attempt = await intend_attempt(self.journal, self.task, number, self.route)
            await self.journal.failed(attempt, Failure(kind, f"{kind}, number {number}"), None)

    async def outcomes(self) -> list[tuple[str, str | None]]:
        return [(attempt.state, attempt.outcome) for attempt in await self.service.attempts(self.task)]


@pytest.fixture
async def harness(service: ServiceHarness) -> GenerateHarness:
    key = await service.open_account()
    task = await service.submit_task(key)
    await service.claim_tasks()
    return GenerateHarness(service, task)


# --- the picture --------------------------------------------------------------------------------------------------


async def test_the_configured_name_of_the_provider_is_reported(harness: GenerateHarness) -> None:
    def with_a_name_of_its_own(order: GenerationRequest) -> Delivered:
        return replace(picture(order), served_by={"provider": "a name of its own", "generative": True})

    kept = await harness.script_vendor(with_a_name_of_its_own).generate()

    assert isinstance(kept, KeptImage)
    assert kept.served_by["provider"] == "scripted"


async def test_a_synchronous_vendor_s_picture_is_kept_and_written_down_before_it_counts(
    harness: GenerateHarness,
) -> None:
    kept = await harness.script_vendor(picture).generate()

    assert isinstance(kept, KeptImage)
    assert (kept.result.media_type, kept.result.extension) == ("image/png", "png")
    assert (kept.result.width, kept.result.height) == (256, 256)
    assert kept.served_by == {"provider": "scripted", "model": "flux.1_kontext_pro", "generative": True}
    assert await harness.service.blobs.size(kept.result.blob) == len(card("a red fox"))
    [attempt] = await harness.service.attempts(harness.task)
    assert (attempt.state, attempt.charged, attempt.cost_usd) == ("delivered", True, 0.04)


async def test_an_asynchronous_vendor_is_asked_by_its_handle_until_it_delivers(harness: GenerateHarness) -> None:
    harness.script_vendor(
        Accepted(HANDLE, wait_s=3), Pending(20, wait_s=2), Pending(None, wait_s=4), Pending(70), picture
    )

    assert isinstance(await harness.generate(), KeptImage)
    assert len(harness.vendor.submits) == 1
    assert harness.vendor.polls == [HANDLE] * 4
    assert harness.clock.slept == [3, 2, 4, 1]
    assert max(harness.reported) == 70


async def test_the_vendors_queue_is_told_from_its_work(harness: GenerateHarness) -> None:
    begun_ms = harness.clock.now_ms()
    waiting, working = Pending(wait_s=5, queued=True), Pending(wait_s=2)
    harness.script_vendor(Accepted(HANDLE, wait_s=3), waiting, waiting, working, working, picture)

    await harness.generate()

    [attempt] = await harness.service.attempts(harness.task)
    assert attempt.vendor_queued_ms == begun_ms + 3_000
    assert attempt.working_ms == begun_ms + 13_000


async def test_a_vendor_without_a_queue_is_asked_nothing_of_it(harness: GenerateHarness) -> None:
    await harness.script_vendor(Accepted(HANDLE), Pending(), picture).generate()

    [attempt] = await harness.service.attempts(harness.task)
    assert (attempt.vendor_queued_ms, attempt.working_ms) == (None, None)


async def test_the_intent_is_on_disk_before_the_vendor_is_called_and_the_handle_before_it_is_asked(
    harness: GenerateHarness,
) -> None:
    seen: list[list[tuple[str, str | None]]] = []

    async def look_then_accept(order: GenerationRequest) -> Accepted:
        seen.append(await harness.outcomes())
        return Accepted(HANDLE)

    async def look_then_deliver(order: GenerationRequest) -> Any:
        seen.append(await harness.outcomes())
        return picture(order)

    await harness.script_vendor(look_then_accept, look_then_deliver).generate()

    assert seen == [[("intended", None)], [("submitted", None)]]


async def test_an_order_carries_its_attempt_and_the_vendor_s_name_of_the_model(harness: GenerateHarness) -> None:
    harness.route = replace(ROUTE, upstream="kontext-pro-v2")
    await harness.script_vendor(Failure(FailureKind.TRANSIENT, "down"), picture).generate()

    attempts = await harness.service.attempts(harness.task)
    assert [order.attempt_id for order in harness.vendor.submits] == [attempt.id for attempt in attempts]
    assert {order.upstream for order in harness.vendor.submits} == {"kontext-pro-v2"}
    assert {order.prompt for order in harness.vendor.submits} == {"a red fox"}


async def test_a_free_provider_s_picture_is_not_charged(harness: GenerateHarness) -> None:
    await harness.script_vendor(picture, free=True).generate()

    [attempt] = await harness.service.attempts(harness.task)
    assert (attempt.charged, attempt.cost_usd) == (False, 0.0)


# --- trying again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.RATE_LIMITED])
async def test_each_kind_of_failure_is_repeated_as_often_as_it_may(harness: GenerateHarness, kind: FailureKind) -> None:
    tries = RETRIES[kind] + 1
    harness.script_vendor(*[Failure(kind, f"try {n}") for n in range(1, tries + 1)])

    assert await harness.generate() == Failure(kind, f"try {tries}")
    assert len(harness.vendor.submits) == tries
    assert await harness.outcomes() == [("closed", kind)] * tries


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if RETRIES[kind]])
async def test_a_picture_at_the_last_try_is_a_picture(harness: GenerateHarness, kind: FailureKind) -> None:
    harness.script_vendor(*[Failure(kind, "not yet")] * RETRIES[kind], picture)

    assert isinstance(await harness.generate(), KeptImage)


async def test_each_kind_has_its_own_budget(harness: GenerateHarness) -> None:
    transient, empty = Failure(FailureKind.TRANSIENT, "down"), Failure(FailureKind.NO_IMAGE, "only words")
    harness.script_vendor(transient, empty, transient, empty, picture)

    assert isinstance(await harness.generate(), KeptImage)


async def test_a_job_that_ends_without_a_picture_is_ordered_anew(harness: GenerateHarness) -> None:
    harness.script_vendor(
        Accepted(HANDLE), Failure(FailureKind.NO_IMAGE, "only words"), Accepted({"id": "job-2"}), picture
    )

    assert isinstance(await harness.generate(), KeptImage)
    assert harness.vendor.polls == [HANDLE, {"id": "job-2"}]
    assert await harness.outcomes() == [("closed", "no_image"), ("delivered", None)]


async def test_a_failure_keeps_what_the_vendor_charged_and_said(harness: GenerateHarness) -> None:
    failure = Failure(FailureKind.CONTENT_POLICY, "not this", charged=True, detail="moderation_blocked")
    await harness.script_vendor(failure).generate()

    [attempt] = await harness.service.attempts(harness.task)
    assert (attempt.reason, attempt.charged, attempt.detail) == ("not this", True, "moderation_blocked")


async def test_the_vendor_s_own_wait_is_kept_to(harness: GenerateHarness) -> None:
    limited = [Failure(FailureKind.RATE_LIMITED, "slow down", retry_after_s=wait) for wait in (7.0, 0.0, 61.5)]
    await harness.script_vendor(*limited, picture).generate()

    pauses = zip(harness.clock.slept, (7.0, 0.5, 61.5), strict=True)
    assert all(asked <= slept < asked + 0.6 for slept, asked in pauses)


async def test_a_rate_limited_task_waits_until_its_deadline(harness: GenerateHarness) -> None:
    limited = Failure(FailureKind.RATE_LIMITED, "slow down", retry_after_s=20)
    harness.script_vendor(*[limited] * 3 * RETRIES[FailureKind.RATE_LIMITED], picture)

    assert isinstance(await harness.generate(), KeptImage)


async def test_a_pause_that_is_longer_than_the_task_has_ends_it_at_once(harness: GenerateHarness) -> None:
    outcome = await harness.script_vendor(
        Failure(FailureKind.RATE_LIMITED, "tomorrow", retry_after_s=86_400)
    ).generate()

    assert outcome == Failure(
        FailureKind.RATE_LIMITED, "scripted asked for a pause of 86400 s; this task has 900 s left"
    )
    assert harness.clock.slept == []


async def test_other_backoffs_grow_and_are_random(harness: GenerateHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generating_module.random, "random", lambda: 1.0)
    down, empty = Failure(FailureKind.TRANSIENT, "down"), Failure(FailureKind.NO_IMAGE, "only words")

    await harness.script_vendor(down, empty, down, picture).generate()

    assert harness.clock.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("policy", "free", "kinds"),
    [
        (RESEND, False, ["unknown_outcome", "unknown_outcome"]),
        (REFUND, False, ["unknown_outcome"]),
        (REFUND, True, ["timeout", "timeout"]),
    ],
)
async def test_a_call_the_vendor_never_answers_is_given_up_at_the_route_s_limit(
    harness: GenerateHarness,
    policy: UnknownOutcome,
    free: bool,  # noqa: FBT001
    kinds: list[str],
) -> None:
    """A silent vendor may have done the work: only where nothing is bought is silence a failure like any other."""
    harness.route = replace(ROUTE, deadline_s=0.01, unknown_outcome=policy)

    outcome = await harness.script_vendor(*[never_answers] * len(kinds), free=free).generate()

    assert isinstance(outcome, Failure)
    assert outcome.reason == "scripted did not answer within 0.01 s"
    assert await harness.outcomes() == [("closed", kind) for kind in kinds]


async def test_a_question_that_is_never_answered_is_asked_again_and_nothing_is_bought_twice(
    harness: GenerateHarness,
) -> None:
    harness.route = replace(ROUTE, deadline_s=0.01)

    kept = await harness.script_vendor(Accepted(HANDLE), never_answers, never_answers, picture).generate()

    assert isinstance(kept, KeptImage)
    assert len(harness.vendor.submits) == 1
    assert harness.vendor.polls == [HANDLE] * 3


# --- paid for, and broken -----------------------------------------------------------------------------------------


async def test_bytes_that_are_no_picture_are_paid_for_and_bought_at_most_twice_more(harness: GenerateHarness) -> None:
    outcome = await harness.script_vendor(invalid_picture, invalid_picture, invalid_picture).generate()

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.BAD_OUTPUT
    attempts = await harness.service.attempts(harness.task)
    assert [(attempt.outcome, attempt.charged) for attempt in attempts] == [("bad_output", True)] * 3


async def test_a_picture_in_a_format_that_is_not_taken_is_paid_for_and_not_bought_again(
    harness: GenerateHarness,
) -> None:
    outcome = await harness.script_vendor(gif, picture).generate()

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNSUPPORTED_OUTPUT
    attempts = await harness.service.attempts(harness.task)
    assert [(attempt.outcome, attempt.charged) for attempt in attempts] == [("unsupported_output", True)]


async def test_a_good_picture_after_two_broken_ones_is_kept(harness: GenerateHarness) -> None:
    assert isinstance(await harness.script_vendor(invalid_picture, invalid_picture, picture).generate(), KeptImage)
    assert [attempt.charged for attempt in await harness.service.attempts(harness.task)] == [True, True, True]


async def test_a_broken_picture_of_a_free_provider_cost_nothing(harness: GenerateHarness) -> None:
    await harness.script_vendor(invalid_picture, picture, free=True).generate()

    assert [attempt.charged for attempt in await harness.service.attempts(harness.task)] == [False, False]


async def test_empty_and_broken_answers_together_are_bought_at_most_twice_more(harness: GenerateHarness) -> None:
    empty = Failure(FailureKind.NO_IMAGE, "only words", charged=True)

    outcome = await harness.script_vendor(empty, empty, invalid_picture).generate()

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.BAD_OUTPUT
    assert len(harness.vendor.submits) == 3


async def test_useless_answers_before_a_restart_count_after_it(harness: GenerateHarness) -> None:
    await harness.close_attempts(FailureKind.NO_IMAGE, FailureKind.BAD_OUTPUT)

    outcome = await harness.script_vendor(invalid_picture).generate()

    assert isinstance(outcome, Failure)
    assert len(harness.vendor.submits) == 1


# --- nobody knows -------------------------------------------------------------------------------------------------

CUT = Failure(FailureKind.UNKNOWN_OUTCOME, "the connection was cut")


@pytest.mark.parametrize(
    ("policy", "free", "calls"),
    [
        (RESEND, False, 2),
        (REFUND, False, 1),
        (RESEND, True, MAX_FREE_RETRIES + 1),
        (REFUND, True, MAX_FREE_RETRIES + 1),
    ],
)
async def test_a_call_cut_off_is_repeated_by_the_route_s_policy(
    harness: GenerateHarness,
    policy: UnknownOutcome,
    free: bool,  # noqa: FBT001
    calls: int,
) -> None:
    harness.route = replace(ROUTE, unknown_outcome=policy)

    outcome = await harness.script_vendor(*[CUT] * calls, free=free).generate()

    assert outcome == CUT
    assert len(harness.vendor.submits) == calls


@pytest.mark.parametrize(
    ("policy", "free", "orders"), [(RESEND, False, 1), (REFUND, False, 0), (RESEND, True, 1), (REFUND, True, 1)]
)
async def test_a_call_that_a_dead_worker_left_open_is_repeated_by_the_route_s_policy(
    harness: GenerateHarness,
    policy: UnknownOutcome,
    free: bool,  # noqa: FBT001
    orders: int,
) -> None:
    harness.route = replace(ROUTE, unknown_outcome=policy)
    await harness.leave_attempt("intended")

    outcome = await harness.script_vendor(picture, free=free).generate()

    assert len(harness.vendor.submits) == orders
    assert (await harness.outcomes())[0] == ("closed", "unknown_outcome")
    assert isinstance(outcome, KeptImage) is bool(orders)


async def test_a_second_call_left_open_is_not_repeated_again(harness: GenerateHarness) -> None:
    await harness.close_attempts(FailureKind.UNKNOWN_OUTCOME)
    await harness.leave_attempt("intended", number=2)

    outcome = await harness.script_vendor().generate()

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNKNOWN_OUTCOME
    assert harness.vendor.submits == []


async def test_a_free_task_that_kills_its_worker_each_time_ends(harness: GenerateHarness) -> None:
    await harness.close_attempts(*[FailureKind.UNKNOWN_OUTCOME] * MAX_FREE_RETRIES)
    await harness.leave_attempt("intended", number=MAX_FREE_RETRIES + 1)

    outcome = await harness.script_vendor(free=True).generate()

    assert isinstance(outcome, Failure)
    assert harness.vendor.submits == []


async def test_a_repeat_after_an_unknown_outcome_does_not_wait(harness: GenerateHarness) -> None:
    await harness.script_vendor(CUT, picture).generate()

    assert harness.clock.slept == []


# --- what another worker left -------------------------------------------------------------------------------------


async def test_a_job_is_resumed_by_its_handle_and_not_ordered_again(harness: GenerateHarness) -> None:
    attempt = await harness.leave_attempt("submitted")

    kept = await harness.script_vendor(Pending(50), picture).generate()

    assert isinstance(kept, KeptImage)
    assert harness.vendor.submits == []
    assert harness.vendor.polls == [HANDLE] * 2
    assert [each.id for each in await harness.service.attempts(harness.task)] == [attempt]


async def test_a_resumed_job_that_left_the_vendors_queue_meanwhile_is_known_to_be_worked_on(
    harness: GenerateHarness,
) -> None:
    waiting = await harness.leave_attempt("submitted")
    await harness.journal.vendor_queued(harness.task, waiting, "an earlier worker")
    [left] = await harness.service.attempts(harness.task)
    assert left.in_vendors_queue

    await harness.script_vendor(Pending(50), picture).generate()

    [attempt] = await harness.service.attempts(harness.task)
    assert attempt.working_ms is not None


async def test_a_resumed_job_that_failed_is_ordered_again_within_its_budget(harness: GenerateHarness) -> None:
    await harness.close_attempts(FailureKind.TRANSIENT)
    await harness.leave_attempt("submitted", number=2)
    down = Failure(FailureKind.TRANSIENT, "down")

    assert await harness.script_vendor(down, down).generate() == down
    assert len(harness.vendor.submits) == 1


async def test_a_delivered_picture_is_taken_as_it_is_without_a_call(harness: GenerateHarness) -> None:
    await harness.leave_attempt("delivered")

    assert await harness.script_vendor().generate() == EARLIER
    assert (harness.vendor.submits, harness.vendor.polls) == ([], [])


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if not RETRIES[kind]])
async def test_a_final_failure_stays_final_when_its_worker_died_before_it_could_say_so(
    harness: GenerateHarness, kind: FailureKind
) -> None:
    await harness.close_attempts(kind)

    outcome = await harness.script_vendor().generate()

    assert outcome == Failure(kind, f"{kind}, number 1")
    assert harness.vendor.submits == []


async def test_a_budget_used_up_stays_used_up_for_the_next_worker(harness: GenerateHarness) -> None:
    await harness.close_attempts(*[FailureKind.BAD_OUTPUT] * 3)

    outcome = await harness.script_vendor().generate()

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.BAD_OUTPUT
    assert harness.vendor.submits == []


async def test_what_is_left_of_a_budget_is_left_for_the_next_worker(harness: GenerateHarness) -> None:
    await harness.close_attempts(FailureKind.TRANSIENT)
    down = Failure(FailureKind.TRANSIENT, "down")

    assert await harness.script_vendor(down, down).generate() == down
    assert len(harness.vendor.submits) == RETRIES[FailureKind.TRANSIENT]
    assert len(await harness.service.attempts(harness.task)) == RETRIES[FailureKind.TRANSIENT] + 1


# --- what stops it ------------------------------------------------------------------------------------------------


async def interrupted(harness: GenerateHarness) -> Reason:
    with pytest.raises(Interrupted) as stopped:
        await harness.generate()
    return stopped.value.reason


async def test_the_task_s_deadline_ends_a_job_that_takes_for_ever(harness: GenerateHarness) -> None:
    harness.script_vendor(Accepted(HANDLE), *[Pending(10, wait_s=100)] * 20)

    assert await interrupted(harness) is Reason.DEADLINE
    assert sum(harness.clock.slept) <= RUN_LIMIT_S + 100
    assert len(harness.vendor.polls) == 9


async def test_a_wait_beyond_the_deadline_ends_it_at_once(harness: GenerateHarness) -> None:
    tomorrow = Failure(FailureKind.TRANSIENT, "tomorrow", retry_after_s=86_400)

    assert await harness.script_vendor(tomorrow).generate() == tomorrow
    assert harness.clock.slept == []


async def test_after_the_deadline_nothing_is_ordered_or_written(harness: GenerateHarness) -> None:
    harness.clock.pass_time(RUN_LIMIT_S + 1)

    assert await interrupted(harness.script_vendor()) is Reason.DEADLINE
    assert await harness.outcomes() == []


async def test_after_the_deadline_a_delivered_picture_still_counts(harness: GenerateHarness) -> None:
    await harness.leave_attempt("delivered")
    harness.clock.pass_time(RUN_LIMIT_S + 1)

    assert await harness.script_vendor().generate() == EARLIER


@pytest.mark.parametrize("reason", [Reason.CANCEL, Reason.SHUTDOWN, Reason.LEASE_LOST])
async def test_a_wait_between_two_questions_is_interrupted_and_the_handle_stays(
    harness: GenerateHarness, reason: Reason
) -> None:
    clock = harness.service.clock = FrozenClock(harness.clock.ms)
    running = asyncio.ensure_future(harness.script_vendor(Accepted(HANDLE, wait_s=30)).generate())
    await clock.wait_for_sleeps()

    harness.interrupt(reason)

    with pytest.raises(Interrupted) as stopped:
        await running
    assert stopped.value.reason is reason
    assert await harness.outcomes() == [("submitted", None)]


@pytest.mark.parametrize(
    ("reason", "free"), [(Reason.CANCEL, False), (Reason.LEASE_LOST, False), (Reason.SHUTDOWN, True)]
)
async def test_a_call_under_way_is_cut_off_and_its_outcome_left_open(
    harness: GenerateHarness,
    reason: Reason,
    free: bool,  # noqa: FBT001
) -> None:
    cut_off: list[str] = []

    async def hears_the_end(order: GenerationRequest) -> Any:
        harness.interrupt(reason)
        try:
            await never_answers(order)
        except asyncio.CancelledError:
            cut_off.append(order.attempt_id)
            raise

    assert await interrupted(harness.script_vendor(hears_the_end, free=free)) is reason
    assert cut_off == [attempt.id for attempt in await harness.service.attempts(harness.task)]
    assert await harness.outcomes() == [("intended", None)]


async def test_a_stopping_worker_waits_for_the_answer_to_a_paid_call(harness: GenerateHarness) -> None:
    async def answers_late(order: GenerationRequest) -> Any:
        harness.interrupt(Reason.SHUTDOWN)
        for _ in range(5):
            await asyncio.sleep(0)
        return picture(order)

    assert isinstance(await harness.script_vendor(answers_late).generate(), KeptImage)


async def test_a_handle_that_comes_while_the_worker_stops_is_written_down_for_the_next(
    harness: GenerateHarness,
) -> None:
    async def accepts_late(order: GenerationRequest) -> Accepted:
        harness.interrupt(Reason.SHUTDOWN)
        await asyncio.sleep(0)
        return Accepted(HANDLE)

    assert await interrupted(harness.script_vendor(accepts_late)) is Reason.SHUTDOWN
    [attempt] = await harness.service.attempts(harness.task)
    assert (attempt.state, attempt.handle) == ("submitted", HANDLE)


async def test_a_new_handle_is_journaled_although_another_image_of_the_task_failed(harness: GenerateHarness) -> None:
    """It may be lost because the worker stops; then the next one goes on from here."""
    siblings = SiblingFailure()

    def is_lost(order: GenerationRequest) -> Pending:
        siblings.set()
        return Pending(handle={"id": "job-2"})

    outcome = await harness.script_vendor(Accepted(HANDLE), is_lost).generate(siblings)

    assert isinstance(outcome, Failure)
    [attempt] = await harness.service.attempts(harness.task)
    assert (attempt.state, attempt.handle) == ("submitted", {"id": "job-2"})


async def test_without_the_lease_nothing_is_submitted(harness: GenerateHarness) -> None:
    harness.clock.pass_time(60)
    await harness.service.rescue_tasks("another")

    assert await interrupted(harness.script_vendor()) is Reason.LEASE_LOST
    assert await harness.outcomes() == []


async def test_without_the_lease_no_attempt_is_closed(harness: GenerateHarness) -> None:
    await harness.leave_attempt("intended")
    harness.clock.pass_time(60)
    await harness.service.rescue_tasks("another")

    assert await interrupted(harness.script_vendor()) is Reason.LEASE_LOST
    assert await harness.outcomes() == [("intended", None)]


async def test_a_picture_that_comes_at_the_moment_of_the_cancellation_is_kept(harness: GenerateHarness) -> None:
    def delivers_all_the_same(order: GenerationRequest) -> Any:
        harness.interrupt(Reason.CANCEL)
        return picture(order)

    assert isinstance(await harness.script_vendor(delivers_all_the_same).generate(), KeptImage)
    assert await harness.outcomes() == [("delivered", None)]


@pytest.mark.parametrize("reason", [Reason.CANCEL, Reason.SHUTDOWN])
async def test_an_interrupted_task_submits_nothing(harness: GenerateHarness, reason: Reason) -> None:
    harness.interrupt(reason)

    assert await interrupted(harness.script_vendor()) is reason
    assert await harness.outcomes() == []


async def test_a_bug_in_a_provider_is_not_mistaken_for_a_failure(harness: GenerateHarness) -> None:
    def breaks(order: GenerationRequest) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await harness.script_vendor(breaks).generate()

    assert await harness.outcomes() == [("intended", None)]


# --- the store refuses --------------------------------------------------------------------------------------------


@dataclass
class Refusing:
    """A store of pictures that is full for some tries, or for ever."""

    blobs: Any
    tries: float
    trouble: Exception = field(default_factory=lambda: StorageRefuses("no space left on device"))
    seen: int = 0

    async def identify(self, source: Path) -> Stored:
        stored: Stored = await self.blobs.identify(source)
        return stored

    async def put(self, source: Path, stored: Stored, **more: Any) -> None:
        self.seen += 1
        if self.seen <= self.tries:
            raise self.trouble
        await self.blobs.put(source, stored, **more)


@pytest.mark.parametrize("trouble", [StorageRefuses("full"), StoreUnavailable("away")])
@pytest.mark.parametrize("script", [[picture], [Accepted(HANDLE), picture]])
async def test_an_image_that_storage_refuses_is_stored_again_until_it_is_taken(
    harness: GenerateHarness, script: list[ScriptLine], trouble: Exception
) -> None:
    harness.service.blobs = Refusing(harness.service.blobs, 50, trouble)

    kept = await harness.script_vendor(*script).generate()

    assert isinstance(kept, KeptImage)
    assert len(harness.vendor.submits) == 1
    assert await harness.outcomes() == [("delivered", None)]


async def test_an_image_that_storage_refuses_until_the_deadline_is_journaled_as_paid(harness: GenerateHarness) -> None:
    harness.service.blobs = Refusing(harness.service.blobs, tries=math.inf)

    with pytest.raises(Interrupted) as interrupted:
        await harness.script_vendor(picture).generate()

    [attempt] = await harness.service.attempts(harness.task)
    assert interrupted.value.reason is Reason.DEADLINE
    assert (attempt.outcome, attempt.charged) == ("given_up", True)
    assert attempt.reason == "the picture came and could not be kept: no space left on device"


@pytest.mark.parametrize(("reason", "state"), [(Reason.CANCEL, "closed"), (Reason.SHUTDOWN, "submitted")])
async def test_a_wait_for_storage_ends_when_the_task_is_interrupted(
    harness: GenerateHarness, reason: Reason, state: str
) -> None:
    def deliver_then_interrupt(order: GenerationRequest) -> Any:
        harness.interrupt(reason)
        return picture(order)

    harness.service.blobs = Refusing(harness.service.blobs, tries=math.inf)

    with pytest.raises(Interrupted) as interrupted:
        await harness.script_vendor(Accepted(HANDLE), deliver_then_interrupt).generate()

    assert interrupted.value.reason is reason
    assert [attempt.state for attempt in await harness.service.attempts(harness.task)] == [state]


async def test_nothing_is_ordered_while_the_store_refuses(harness: GenerateHarness) -> None:
    ordered_ms: list[int] = []

    def draw(order: GenerationRequest) -> Any:
        ordered_ms.append(harness.clock.now_ms())
        return picture(order)

    before_ms = harness.clock.now_ms()
    harness.disk_guard.record_refusal(before_ms)

    kept = await harness.script_vendor(draw).generate()

    assert isinstance(kept, KeptImage)
    assert ordered_ms[0] >= before_ms + REFUSAL_PAUSE_MS
