"""One claimed task from its pictures to its end: what becomes of it, and of its credits."""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from fakes import (
    CancellingVendor,
    FrozenClock,
    ScriptedProvider,
    ScriptLine,
    invalid_picture,
    never_answers,
    picture,
    picture_file,
)
from generating import executor
from limner.application.explain import Explain
from limner.application.generation import stop_jobs
from limner.application.generation.interrupt import Interrupt, Reason
from limner.application.generation.journal import DeliveredImage, IntendedAttempt, KeptImage, SpendJournal
from limner.application.generation.routing import Routing
from limner.application.generation.workdirs import Workdirs
from limner.application.tasks import execute
from limner.application.tasks.execute import MAX_CLAIMS, TAKEOVER_POLL_MS, ExecuteTask
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.db.tables.tasks import ClaimedTask
from limner.domain.accounts.credits import Balance
from limner.domain.ids import TaskId
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.tasks.request import FileInput, TaskType, UploadedSource, UrlSource
from limner.domain.tasks.task import Status, Task
from limner.intake.image_intake import ImageIntake
from limner.models import shipped_models
from limner.ports.provider import Accepted, Delivered, GenerationRequest, JobCancellation, Pending
from stores import PICTURE, ROUTE, ServiceHarness, with_file

HANDLE = {"id": "job-1"}


class Offline(ImageIntake):
    """The real intake, on a machine without an internet."""

    async def fetch(self, url: str, target: Path) -> None:
        raise Refusal(Code.FILE_NOT_FOUND, f"{url} cannot be reached", suggestion="Check it.")


@dataclass
class ExecuteHarness:
    """One claimed task and a scripted vendor."""

    service: ServiceHarness
    key: Key
    vendor: ScriptedProvider = field(default_factory=ScriptedProvider)
    interrupt: Interrupt = field(default_factory=Interrupt)
    claimed: ClaimedTask | None = None
    routes: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)

    @property
    def journal(self) -> SpendJournal:
        return SpendJournal(self.service.store, self.service.clock)

    def script_vendor(self, *script: ScriptLine, **facts: Any) -> "ExecuteHarness":
        self.vendor = ScriptedProvider(list(script), **facts)
        return self

    @property
    def routing(self) -> Routing:
        return Routing(
            {"scripted": self.vendor},
            "scripted",
            900.0,
            UnknownOutcome.RESEND_ONCE,
            self.routes,
            models=shipped_models(),
        )

    @property
    def execute(self) -> ExecuteTask:
        return executor(self.service, self.journal, self.routing, Offline(), self.workdirs)

    @cached_property
    def workdirs(self) -> Workdirs:
        return Workdirs(self.service.scratch)

    async def files_left(self) -> list[Path]:
        await self.workdirs.remove()
        return list(self.service.scratch.iterdir())

    async def claim_task(self, **fields: Any) -> TaskId:
        task = await self.service.submit_task(self.key, **fields)
        [self.claimed] = await self.service.claim_tasks()
        return task

    async def run(self, owner: str = "worker") -> Task | None:
        assert self.claimed
        return await self.execute(self.claimed, owner, self.interrupt, lambda _percent: None)

    async def run_to_end(self) -> Task:
        ended = await self.run()
        assert ended
        assert ended == await self.service.task(ended.id)
        assert await self.service.ledger_faults() == []
        return ended

    async def take_over(self) -> None:
        self.service.clock.pass_time(20)
        [self.claimed] = await self.service.rescue_tasks("worker")


@pytest.fixture
async def harness(service: ServiceHarness) -> ExecuteHarness:
    return ExecuteHarness(service, await service.open_account(opening=100))


async def test_a_delivered_picture_is_a_success_at_its_price(harness: ExecuteHarness) -> None:
    await harness.script_vendor(picture).claim_task()

    task = await harness.run_to_end()

    assert (task.status, task.consumed, task.error_code) == (Status.SUCCESS, 5, None)
    assert task.result
    assert await harness.service.blobs.size(task.result.blob) > 0
    assert task.served_by == {"provider": "scripted", "model": "flux.1_kontext_pro", "generative": True}
    assert await harness.service.balance(harness.key) == Balance(95, 0)


@pytest.mark.parametrize(
    ("fallback", "status", "upstreams"),
    [("any", Status.SUCCESS, ["first", "second"]), ("never", Status.FAILED, ["first"])],
)
async def test_a_task_falls_back_as_its_caller_consents(
    harness: ExecuteHarness, fallback: str, status: Status, upstreams: list[str]
) -> None:
    first, second = (replace(ROUTE, name=f"scripted/{n}", provider="scripted", upstream=n) for n in ("first", "second"))
    harness.routes = {"flux.1_kontext_pro": (first, second)}
    await harness.script_vendor(Failure(FailureKind.AUTH, "refused"), picture).claim_task(fallback=fallback)

    task = await harness.run_to_end()

    assert task.status is status
    assert [each.upstream for each in await harness.service.attempts(task.id)] == upstreams
    if task.served_by:
        assert task.served_by["instead_of"] == {"provider": "scripted", "model": "first"}


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Failure(FailureKind.CONTENT_POLICY, "not this"), Status.BANNED, 2008),
        (Failure(FailureKind.BAD_INPUT, "too wide"), Status.FAILED, 1001),
        (Failure(FailureKind.AUTH, "the key is wrong"), Status.FAILED, 1001),
        (Failure(FailureKind.QUOTA_EXHAUSTED, "no money"), Status.FAILED, 1001),
    ],
)
async def test_a_failure_ends_the_task_with_the_reason_and_the_credits_back(
    harness: ExecuteHarness, failure: Failure, status: Status, code: int
) -> None:
    await harness.script_vendor(failure).claim_task()

    task = await harness.run_to_end()

    assert (task.status, task.error_code, task.error_msg) == (status, code, failure.reason)
    assert await harness.service.balance(harness.key) == Balance(100, 0)


async def test_pictures_that_were_paid_for_and_broken_are_refunded_and_journaled_as_paid(
    harness: ExecuteHarness,
) -> None:
    await harness.script_vendor(invalid_picture, invalid_picture, invalid_picture).claim_task()

    task = await harness.run_to_end()

    assert (task.status, task.error_code, task.consumed) == (Status.FAILED, 1001, 0)
    assert [attempt.charged for attempt in await harness.service.attempts(task.id)] == [True] * 3


async def test_a_reference_that_will_not_do_fails_the_task_before_anything_is_ordered(harness: ExecuteHarness) -> None:
    await harness.script_vendor().claim_task(**with_file(UrlSource("https://example.com/a.png"), field="files[0]"))

    task = await harness.run_to_end()

    assert (task.status, task.error_code) == (Status.FAILED, 2019)
    assert task.error_msg == "files[0]: https://example.com/a.png cannot be reached"
    assert await harness.service.attempts(task.id) == []


async def test_the_order_is_composed_from_what_was_kept_of_the_request(harness: ExecuteHarness) -> None:
    upload = await harness.service.upload(harness.key, await asyncio.to_thread(picture_file, harness.service.folder))
    await harness.script_vendor(picture).claim_task(t_pose=True, **with_file(UploadedSource(upload.token)))

    await harness.run_to_end()

    [order] = harness.vendor.submits
    assert "a red fox in the snow" in order.prompt
    assert (order.spec.prompt, order.spec.t_pose, order.own_references) == ("a red fox in the snow", True, 1)
    assert [reference.media_type for reference in order.references] == ["image/png"]


async def test_the_shape_the_caller_asked_for_goes_before_the_template_s(harness: ExecuteHarness) -> None:
    await harness.script_vendor(picture).claim_task(template="t_pose", aspect_ratio="21:9")

    await harness.run_to_end()

    [order] = harness.vendor.submits
    assert order.aspect_ratio == "21:9"


async def test_a_template_s_pictures_come_behind_the_caller_s(harness: ExecuteHarness) -> None:
    loaded = next(template for template in harness.service.templates.values() if template.pictures)
    upload = await harness.service.upload(harness.key, await asyncio.to_thread(picture_file, harness.service.folder))
    await harness.script_vendor(picture).claim_task(
        template=loaded.template.slug, **with_file(UploadedSource(upload.token))
    )

    await harness.run_to_end()

    [order] = harness.vendor.submits
    assert [reference.path for reference in order.references[1:]] == list(loaded.pictures)
    assert order.spec.template == loaded.template.slug


async def test_a_repeat_of_a_task_draws_with_the_same_seed_and_another_with_another(harness: ExecuteHarness) -> None:
    await harness.script_vendor(Failure(FailureKind.NO_IMAGE, "words"), picture, picture).claim_task()
    vendor = harness.vendor
    await harness.run_to_end()
    await harness.claim_task()
    harness.vendor = vendor
    await harness.run_to_end()

    first, repeat, other = [order.seed for order in vendor.submits]
    assert first == repeat != other
    assert all(0 <= seed < 2**31 for seed in (first, other))


async def test_a_vendor_can_tell_accounts_apart(harness: ExecuteHarness) -> None:
    await harness.script_vendor(picture).claim_task()
    await harness.run_to_end()

    [order] = harness.vendor.submits
    assert order.caller == f"caller {harness.key.account}"


async def test_a_template_that_is_gone_fails_the_task(harness: ExecuteHarness) -> None:
    await harness.script_vendor().claim_task(template=next(iter(harness.service.templates)))
    harness.service.templates = {}

    task = await harness.run_to_end()

    assert task.status is Status.FAILED
    assert "was removed" in str(task.error_msg)


async def test_nothing_is_left_in_the_scratch_folder(harness: ExecuteHarness) -> None:
    await harness.script_vendor(invalid_picture, picture).claim_task()

    await harness.run_to_end()

    assert await harness.files_left() == []


async def test_a_bug_comes_out_and_leaves_no_files_either(harness: ExecuteHarness) -> None:
    def breaks(order: GenerationRequest) -> Any:
        raise ZeroDivisionError

    await harness.script_vendor(breaks).claim_task()

    with pytest.raises(ZeroDivisionError):
        await harness.run()

    assert await harness.files_left() == []


@pytest.mark.parametrize(
    ("failure", "attempts", "wasted", "unknown"),
    [
        (Failure(FailureKind.NO_IMAGE, "only words, with billed tokens", charged=True), 3, 3, 0),
        (Failure(FailureKind.UNKNOWN_OUTCOME, "HTTP 524"), 1, 0, 1),
    ],
)
async def test_spend_shows_what_was_paid_for_nothing_and_what_is_in_doubt_under_fail_and_refund(
    harness: ExecuteHarness, failure: Failure, attempts: int, wasted: int, unknown: int
) -> None:
    route = replace(ROUTE, unknown_outcome=UnknownOutcome.FAIL_AND_REFUND)
    harness.routes = {"flux.1_kontext_pro": (route,)}
    await harness.script_vendor(*[failure] * attempts).claim_task()

    task = await harness.run_to_end()

    [spend] = await harness.service.store.read(lambda records: records.attempts.spend(0, 2**60))
    assert (task.status, task.error_msg) == (Status.FAILED, failure.reason)
    assert (spend.attempts, spend.wasted, spend.unknown) == (attempts, wasted, unknown)
    assert await harness.service.balance(harness.key) == Balance(100, 0)


# --- routes that take fewer reference images ----------------------------------------------------------------------


def routes_with_caps(*caps: int | None) -> tuple[Route, ...]:
    return tuple(replace(ROUTE, name=f"scripted/{n}", upstream=str(n), reference_cap=cap) for n, cap in enumerate(caps))


async def submit_with_references(harness: ExecuteHarness, count: int, **fields: Any) -> TaskId:
    path = await asyncio.to_thread(picture_file, harness.service.folder)
    uploads = [await harness.service.upload(harness.key, path) for _ in range(count)]
    files = tuple(FileInput(f"files[{n}]", None, UploadedSource(each.token)) for n, each in enumerate(uploads))
    return await harness.claim_task(files=files, **fields)


async def test_template_images_that_a_route_does_not_take_are_left_out_and_explained(harness: ExecuteHarness) -> None:
    loaded = next(template for template in harness.service.templates.values() if template.pictures)
    harness.routes = {"flux.1_kontext_pro": routes_with_caps(1)}
    harness.script_vendor(picture)
    task = await submit_with_references(harness, 1, template=loaded.template.slug)

    assert (await harness.run_to_end()).status is Status.SUCCESS
    explained = await Explain(harness.service.store, harness.service.templates, harness.routing)(None, task)

    [order] = harness.vendor.submits
    assert len(order.references) == 1
    assert loaded.template.pictures[0].role not in order.prompt
    assert explained.composed
    assert any("it takes 1 in all" in note for note in explained.composed.notes)
    assert explained.composed.text == order.prompt


async def test_a_route_that_takes_too_few_reference_images_is_skipped(harness: ExecuteHarness) -> None:
    harness.routes = {"flux.1_kontext_pro": routes_with_caps(1, 4)}
    await submit_with_references(harness.script_vendor(picture), 2)

    assert (await harness.run_to_end()).status is Status.SUCCESS
    assert [order.upstream for order in harness.vendor.submits] == ["1"]


async def test_a_fallback_that_takes_too_few_reference_images_does_not_hide_the_first_failure(
    harness: ExecuteHarness,
) -> None:
    harness.routes = {"flux.1_kontext_pro": routes_with_caps(4, 1)}
    await submit_with_references(harness.script_vendor(Failure(FailureKind.QUOTA_EXHAUSTED, "no money")), 2)

    assert (await harness.run_to_end()).error_msg == "no money"


async def test_each_route_gets_the_template_images_that_it_takes(harness: ExecuteHarness) -> None:
    loaded = next(template for template in harness.service.templates.values() if template.pictures)
    harness.routes = {"flux.1_kontext_pro": routes_with_caps(1, None)}
    harness.script_vendor(Failure(FailureKind.QUOTA_EXHAUSTED, "no money"), picture)
    await submit_with_references(harness, 1, template=loaded.template.slug)

    await harness.run_to_end()

    assert [len(order.references) for order in harness.vendor.submits] == [1, 1 + len(loaded.pictures)]


# --- the unit of work that ends a task ----------------------------------------------------------------------------


@dataclass
class CountedStore:
    """A store that notes each unit of work."""

    store: Store
    units: list[str] = field(default_factory=list)

    async def run(self, work: Callable[[Records], Any]) -> Any:
        self.units.append("run")
        return await self.store.run(work)

    async def run_unsynced(self, work: Callable[[Records], Any]) -> Any:
        self.units.append("run unsynced")
        return await self.store.run_unsynced(work)

    async def read(self, work: Callable[[Records], Any]) -> Any:
        self.units.append("read")
        return await self.store.read(work)

    async def close(self) -> None:
        await self.store.close()


async def test_the_journal_and_the_end_of_a_task_of_one_image_are_written_together(harness: ExecuteHarness) -> None:
    await harness.script_vendor(picture).claim_task()
    assert harness.claimed
    counted = harness.service.store = CountedStore(harness.service.store)

    await harness.execute(harness.claimed, "worker", harness.interrupt, lambda _percent: None, is_new=True)

    assert counted.units == ["run", "run unsynced", "run"], "the intent, the pin of the picture, and the end"


async def test_a_picture_is_journaled_although_its_task_cannot_be_settled(
    harness: ExecuteHarness, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    task = await harness.script_vendor(picture).claim_task()
    monkeypatch.setattr(execute, "settle", broken)

    with pytest.raises(ZeroDivisionError):
        await harness.run()

    assert (await harness.service.task(task)).status is Status.RUNNING
    assert [attempt.state for attempt in await harness.service.attempts(task)] == ["delivered"]
    assert [entry["event"] for entry in logged].count("journal not written, trying again") == 3


async def test_a_picture_is_journaled_although_a_bug_comes_before_the_end(
    harness: ExecuteHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    task = await harness.script_vendor(picture).claim_task()
    monkeypatch.setattr(execute, "success", broken)

    with pytest.raises(ZeroDivisionError):
        await harness.run()

    assert [attempt.state for attempt in await harness.service.attempts(task)] == ["delivered"]


async def test_a_picture_of_a_task_that_another_worker_has_is_journaled(harness: ExecuteHarness) -> None:
    task = await harness.claim_task()

    async def taken_over(order: GenerationRequest) -> Delivered:
        harness.service.clock.pass_time(20)
        await harness.service.rescue_tasks("another")
        return await asyncio.to_thread(picture, order)

    harness.script_vendor(taken_over)

    assert await harness.run() is None

    assert (await harness.service.task(task)).status is Status.RUNNING
    assert [attempt.state for attempt in await harness.service.attempts(task)] == ["delivered"]


# --- jobs that are stopped at the vendor --------------------------------------------------------------------------


def cancelled_while_waiting(harness: ExecuteHarness) -> ScriptLine:
    def answer(order: GenerationRequest) -> Pending:
        harness.interrupt(Reason.CANCEL)
        return Pending(10)

    return answer


async def test_the_vendor_is_asked_to_stop_the_job_of_a_cancelled_task_and_the_journal_says_so(
    harness: ExecuteHarness,
) -> None:
    harness.vendor = CancellingVendor([Accepted(HANDLE), cancelled_while_waiting(harness), Pending(10)])
    await harness.claim_task()

    task = await harness.run_to_end()

    assert (task.status, harness.vendor.cancelled) == (Status.CANCELLED, [HANDLE])
    [attempt] = await harness.service.attempts(task.id)
    assert (attempt.outcome, attempt.detail, attempt.charged) == ("given_up", "HTTP 202", False)
    assert attempt.reason == "cancelled by its owner; scripted was asked to stop the job"
    [spend] = await harness.service.store.read(lambda records: records.attempts.spend(0, 2**60))
    assert spend.unknown == 1


async def test_the_vendor_is_asked_to_stop_the_job_of_a_task_past_its_deadline(harness: ExecuteHarness) -> None:
    harness.vendor = CancellingVendor([Accepted(HANDLE, wait_s=10_000), Pending(10)])
    await harness.claim_task()

    task = await harness.run_to_end()

    assert (task.error_msg, harness.vendor.cancelled) == ("not done within 900 seconds", [HANDLE])


async def test_a_job_that_was_delivered_before_it_could_be_stopped_is_a_success(harness: ExecuteHarness) -> None:
    async def delivered(order: GenerationRequest) -> Delivered:
        return await asyncio.to_thread(picture, order)

    harness.vendor = CancellingVendor([Accepted(HANDLE), cancelled_while_waiting(harness), delivered])
    await harness.claim_task()

    task = await harness.run_to_end()

    assert (task.status, task.consumed) == (Status.SUCCESS, 5)
    assert await harness.service.balance(harness.key) == Balance(95, 0)


async def test_a_job_that_was_delivered_is_a_success_although_its_vendor_cannot_stop_one(
    harness: ExecuteHarness,
) -> None:
    async def delivered(order: GenerationRequest) -> Delivered:
        return await asyncio.to_thread(picture, order)

    await harness.script_vendor(Accepted(HANDLE), cancelled_while_waiting(harness), delivered).claim_task()

    assert (await harness.run_to_end()).status is Status.SUCCESS
    assert await harness.service.balance(harness.key) == Balance(95, 0)


async def test_the_job_of_a_dead_worker_is_stopped_when_its_task_was_cancelled(harness: ExecuteHarness) -> None:
    harness.vendor = CancellingVendor([Pending(10)])
    task = await harness.claim_task()
    await harness.journal.submitted(await harness.service.write_intent(task), HANDLE)
    await harness.take_over()
    harness.interrupt(Reason.CANCEL)

    assert (await harness.run_to_end()).status is Status.CANCELLED
    assert harness.vendor.cancelled == [HANDLE]


async def test_a_vendor_that_does_not_answer_when_it_is_asked_to_stop_delays_the_end_by_no_more_than_the_limit(
    harness: ExecuteHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SilentVendor(CancellingVendor):
        async def cancel(self, handle: Mapping[str, Any], request: GenerationRequest) -> JobCancellation:
            await never_answers(request)
            raise AssertionError

    monkeypatch.setattr(stop_jobs, "STOP_TIMEOUT_S", 0.01)
    harness.vendor = SilentVendor([Accepted(HANDLE), cancelled_while_waiting(harness)])
    await harness.claim_task()

    task = await harness.run_to_end()

    assert task.status is Status.CANCELLED
    [attempt] = await harness.service.attempts(task.id)
    assert (attempt.outcome, attempt.detail) == ("given_up", "no answer within 0.01 s")


@pytest.mark.parametrize("reason", [Reason.SHUTDOWN, Reason.LEASE_LOST])
async def test_a_job_that_another_worker_goes_on_with_is_not_stopped(harness: ExecuteHarness, reason: Reason) -> None:
    def is_stopped(order: GenerationRequest) -> Pending:
        harness.interrupt(reason)
        return Pending(10)

    harness.vendor = CancellingVendor([Accepted(HANDLE), is_stopped])
    await harness.claim_task()

    assert await harness.run() is None
    assert harness.vendor.cancelled == []


# --- stopped ------------------------------------------------------------------------------------------------------


async def test_a_cancelled_task_ends_cancelled_with_its_credits_back(harness: ExecuteHarness) -> None:
    async def is_cancelled(order: GenerationRequest) -> Any:
        harness.interrupt(Reason.CANCEL)
        return await never_answers(order)

    await harness.script_vendor(is_cancelled).claim_task()

    task = await harness.run_to_end()

    assert (task.status, task.error_code, task.error_msg) == (Status.CANCELLED, 1001, "cancelled by its owner")
    assert await harness.service.balance(harness.key) == Balance(100, 0)


async def test_a_picture_the_vendor_delivers_all_the_same_is_kept_and_charged(harness: ExecuteHarness) -> None:
    def is_cancelled_too_late(order: GenerationRequest) -> Any:
        harness.interrupt(Reason.CANCEL)
        return picture(order)

    await harness.script_vendor(is_cancelled_too_late).claim_task()

    assert (await harness.run_to_end()).status is Status.SUCCESS
    assert await harness.service.balance(harness.key) == Balance(95, 0)


async def test_a_task_that_takes_too_long_fails_and_says_how_long_it_had(harness: ExecuteHarness) -> None:
    await harness.script_vendor(Accepted(HANDLE, wait_s=10_000), Pending(10)).claim_task()

    task = await harness.run_to_end()

    assert (task.status, task.error_code) == (Status.FAILED, 1001)
    assert task.error_msg == "not done within 900 seconds"


@pytest.mark.parametrize("reason", [Reason.SHUTDOWN, Reason.LEASE_LOST])
async def test_a_task_that_another_worker_goes_on_with_is_left_as_it_is(
    harness: ExecuteHarness, reason: Reason
) -> None:
    async def is_stopped(order: GenerationRequest) -> Any:
        harness.interrupt(reason)
        return await never_answers(order)

    task = await harness.script_vendor(is_stopped, free=True).claim_task()

    assert await harness.run() is None
    assert (await harness.service.task(task)).status is Status.RUNNING
    assert await harness.service.movements(task) == ["hold"]


async def test_without_the_lease_nothing_is_settled(harness: ExecuteHarness) -> None:
    async def takes_a_nap(order: GenerationRequest) -> Any:
        harness.service.clock.pass_time(60)
        await harness.service.rescue_tasks("another")
        return picture(order)

    task = await harness.script_vendor(takes_a_nap).claim_task()

    assert await harness.run() is None
    assert (await harness.service.task(task)).status is Status.RUNNING


# --- taken over ---------------------------------------------------------------------------------------------------


async def left_delivered(harness: ExecuteHarness, task: TaskId) -> None:
    attempt = await harness.service.write_intent(task)
    await harness.journal.delivered(
        DeliveredImage(attempt, ROUTE, KeptImage(PICTURE, {"provider": "scripted"}), 10, 0.04)
    )


async def test_a_picture_that_was_delivered_is_settled_without_a_call(harness: ExecuteHarness) -> None:
    task = await harness.script_vendor().claim_task()
    await left_delivered(harness, task)
    await harness.take_over()

    ended = await harness.run_to_end()

    assert (ended.status, ended.result, ended.consumed) == (Status.SUCCESS, PICTURE, 5)
    assert harness.vendor.submits == harness.vendor.polls == []


async def test_a_delivered_picture_counts_when_time_is_up_the_template_gone_and_a_cancellation_asked(
    harness: ExecuteHarness,
) -> None:
    task = await harness.script_vendor().claim_task(template=next(iter(harness.service.templates)))
    await left_delivered(harness, task)
    harness.service.templates = {}
    harness.service.clock.pass_time(10_000)
    await harness.take_over()
    harness.interrupt(Reason.CANCEL)

    assert (await harness.run_to_end()).status is Status.SUCCESS


async def test_a_bought_job_is_polled_once_more_however_late_its_worker_died(harness: ExecuteHarness) -> None:
    task = await harness.script_vendor(picture).claim_task()
    await harness.journal.submitted(await harness.service.write_intent(task), HANDLE)
    harness.service.clock.pass_time(10_000)
    await harness.take_over()

    assert (await harness.run_to_end()).status is Status.SUCCESS
    assert harness.vendor.polls == [HANDLE]


async def test_polling_after_the_deadline_has_an_end(harness: ExecuteHarness) -> None:
    task = await harness.script_vendor(*[Pending(wait_s=TAKEOVER_POLL_MS / 1000)] * 5).claim_task()
    await harness.journal.submitted(await harness.service.write_intent(task), HANDLE)
    harness.service.clock.pass_time(10_000)
    await harness.take_over()

    assert (await harness.run_to_end()).error_msg == "not done within 900 seconds"


async def test_nothing_is_bought_after_the_deadline(harness: ExecuteHarness) -> None:
    task = await harness.script_vendor(Failure(FailureKind.TRANSIENT, "down"), picture).claim_task()
    await harness.journal.submitted(await harness.service.write_intent(task), HANDLE)
    harness.service.clock.pass_time(10_000)
    await harness.take_over()

    assert (await harness.run_to_end()).error_msg == "down"
    assert harness.vendor.submits == []


async def test_nothing_is_begun_for_a_task_whose_time_was_up_before_it_was_taken_over(harness: ExecuteHarness) -> None:
    await harness.script_vendor().claim_task()
    harness.service.clock.pass_time(901)
    await harness.take_over()

    assert (await harness.run_to_end()).status is Status.FAILED
    assert harness.vendor.submits == []


# --- broken -------------------------------------------------------------------------------------------------------


async def test_a_task_that_broke_on_our_fault_fails_with_its_credits_back(harness: ExecuteHarness) -> None:
    await harness.claim_task()
    assert harness.claimed

    ended = await harness.execute.give_up(harness.claimed, "worker")

    assert ended
    assert (ended.status, ended.error_code, ended.error_msg) == (Status.FAILED, 1001, "internal error")
    assert await harness.service.balance(harness.key) == Balance(100, 0)


@pytest.mark.parametrize(("claims", "given_up"), [(1, False), (MAX_CLAIMS, False), (MAX_CLAIMS + 1, True)])
async def test_what_is_bought_is_not_given_up_until_several_workers_broke_on_it(
    harness: ExecuteHarness,
    claims: int,
    given_up: bool,  # noqa: FBT001
) -> None:
    task = await harness.claim_task()
    await harness.journal.submitted(await harness.service.write_intent(task), HANDLE)
    assert harness.claimed

    ended = await harness.execute.give_up(replace(harness.claimed, claims=claims), "worker")

    assert (ended is not None) is given_up


async def test_a_handle_that_was_accepted_is_enough_for_the_next_worker(harness: ExecuteHarness) -> None:
    def accepts_and_stops(order: GenerationRequest) -> Any:
        harness.interrupt(Reason.SHUTDOWN)
        return Accepted(HANDLE)

    task = await harness.script_vendor(accepts_and_stops, picture).claim_task()
    assert await harness.run() is None
    await harness.service.store.run(lambda records: records.tasks.release_leases("worker", [task]))
    harness.interrupt = Interrupt()
    await harness.take_over()

    assert (await harness.run_to_end()).status is Status.SUCCESS
    assert len(harness.vendor.submits) == 1


# --- several views ------------------------------------------------------------------------------------------------

VIEWS = ("front", "left", "back", "right")
BANNED = Failure(FailureKind.CONTENT_POLICY, "not this side")


async def turns(harness: ExecuteHarness, tmp_path: Path) -> TaskId:
    """Take a task that asks for the four views of a picture."""
    upload = await harness.service.upload(harness.key, await asyncio.to_thread(picture_file, tmp_path))
    file = with_file(UploadedSource(upload.token))
    return await harness.claim_task(type=TaskType.GENERATE_MULTIVIEW, model=None, prompt="", **file)


async def test_four_views_are_four_orders_and_one_result(harness: ExecuteHarness, tmp_path: Path) -> None:
    await turns(harness.script_vendor(*[picture] * 4), tmp_path)

    task = await harness.run_to_end()

    assert (task.status, task.consumed) == (Status.SUCCESS, 10)
    assert task.result
    assert tuple(task.result.views) == VIEWS
    assert task.result.blob == task.result.views["front"].blob
    assert len({order.prompt for order in harness.vendor.submits}) == 4
    assert [len(order.references) for order in harness.vendor.submits] == [1] * 4
    assert len({order.workdir for order in harness.vendor.submits}) == 4
    assert sorted(attempt.part for attempt in await harness.service.attempts(task.id)) == sorted(VIEWS)


async def test_one_view_that_fails_ends_the_task_and_nothing_more_is_bought(
    harness: ExecuteHarness, tmp_path: Path
) -> None:
    down = Failure(FailureKind.TRANSIENT, "down")
    await turns(harness.script_vendor(BANNED, down, down, down), tmp_path)

    task = await harness.run_to_end()

    assert (task.status, task.error_code, task.error_msg) == (Status.BANNED, 2008, "not this side")
    assert (task.result, task.consumed) == (None, 0)
    assert len(harness.vendor.submits) == 4
    assert await harness.service.balance(harness.key) == Balance(100, 0)


async def test_delivered_views_are_not_bought_again(harness: ExecuteHarness, tmp_path: Path) -> None:
    task = await turns(harness.script_vendor(picture, picture), tmp_path)
    for part in ("front", "back"):
        turn = await harness.journal.intend(task, 1, (ROUTE,), part=part)
        assert isinstance(turn, IntendedAttempt)
        await harness.journal.delivered(
            DeliveredImage(turn.attempt, ROUTE, KeptImage(PICTURE, {"provider": "scripted"}), 10, 0.04)
        )
    await harness.take_over()

    ended = await harness.run_to_end()

    assert ended.status is Status.SUCCESS
    assert len(harness.vendor.submits) == 2
    assert ended.result
    assert ended.result.views["front"] == ended.result.views["back"] == PICTURE


async def test_a_view_that_was_ordered_is_followed_by_its_own_handle(harness: ExecuteHarness, tmp_path: Path) -> None:
    task = await turns(harness.script_vendor(*[picture] * 4), tmp_path)
    for part in VIEWS:
        turn = await harness.journal.intend(task, 1, (ROUTE,), part=part)
        assert isinstance(turn, IntendedAttempt)
        await harness.journal.submitted(turn.attempt, {"id": part})
    await harness.take_over()

    ended = await harness.run_to_end()

    assert ended.status is Status.SUCCESS
    assert harness.vendor.submits == []
    assert sorted(handle["id"] for handle in harness.vendor.polls) == sorted(VIEWS)


async def test_a_view_that_is_refused_ends_the_task_while_the_others_wait_for_their_vendor(
    harness: ExecuteHarness, tmp_path: Path
) -> None:
    clock = harness.service.clock = FrozenClock(harness.service.clock.ms)

    async def when_the_others_wait(order: GenerationRequest) -> Any:
        await clock.wait_for_sleeps(3)
        return BANNED

    busy = Failure(FailureKind.TRANSIENT, "busy", retry_after_s=600)
    await turns(harness.script_vendor(when_the_others_wait, busy, busy, busy), tmp_path)

    async with asyncio.timeout(60):
        task = await harness.run_to_end()

    assert (task.status, task.error_msg) == (Status.BANNED, "not this side")


async def test_a_view_that_no_vendor_is_left_for_fails_its_task(harness: ExecuteHarness, tmp_path: Path) -> None:
    task = await turns(harness.script_vendor(Pending(10)), tmp_path)
    turn = await harness.journal.intend(task, 1, (ROUTE,), part="front")
    assert isinstance(turn, IntendedAttempt)
    await harness.journal.submitted(turn.attempt, HANDLE)
    await harness.take_over()
    harness.routes = {"gpt_4o": (ROUTE,)}

    ended = await harness.run_to_end()

    assert (ended.status, ended.error_code) == (Status.FAILED, 2017)
    assert "no vendor that serves" in str(ended.error_msg)


async def test_a_worker_that_stops_leaves_all_views_to_the_next(harness: ExecuteHarness, tmp_path: Path) -> None:
    async def is_stopped(order: GenerationRequest) -> Any:
        harness.interrupt(Reason.SHUTDOWN)
        return await never_answers(order)

    task = await turns(harness.script_vendor(*[is_stopped] * 4, free=True), tmp_path)

    assert await harness.run() is None
    assert (await harness.service.task(task)).status is Status.RUNNING
