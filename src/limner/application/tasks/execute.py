"""Executing a claimed task: prepare its inputs, generate its images, stop jobs that are left over, settle."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from limner.application.generation.generate import Generate
from limner.application.generation.generation import Generation, SiblingFailure
from limner.application.generation.interrupt import Interrupt, Interrupted, Reason
from limner.application.generation.journal import DeliveredImage, KeptImage
from limner.application.generation.stop_jobs import StopJobs
from limner.application.generation.workdirs import Workdirs
from limner.application.moderation.before_order import AwaitVerdict
from limner.application.moderation.log_banned import log_banned
from limner.application.provenance.await_marks import AwaitMarks
from limner.application.spans import SETTLE
from limner.application.tasks.cancel import CANCELLED_BY_CALLER
from limner.application.tasks.delivery import all_delivered, by_delivery, success
from limner.application.tasks.image_request import PrepareInputs
from limner.application.tasks.settle import settle
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.attempts import Attempt, LastDelivery
from limner.db.tables.tasks import ClaimedTask
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import Route
from limner.domain.tasks.spec import ImageSpec
from limner.domain.tasks.task import Ending, Status, Task
from limner.ports.acting_account import act_for
from limner.ports.clock import Clock
from limner.ports.provider import ReferenceImage, Report
from limner.ports.tracing import NO_TRACING, Tracing

MAX_CLAIMS = 5
"""How many workers in a row may fail on a task before a job that it bought is given up."""

TAKEOVER_POLL_MS = 60_000
"""How long a bought job is polled by a worker that takes it over after its task's deadline."""

Outcome = KeptImage | Failure | BaseException
"""Of one image."""


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One execution of a claimed task by this worker."""

    claimed: ClaimedTask
    owner: str
    interrupt: Interrupt
    report: Report
    attempts: Sequence[Attempt]
    """Those of earlier workers."""
    unwritten: list[DeliveredImage] = field(default_factory=list)
    """The image of a task of one image: it is written to the journal by the unit of work that ends the task."""

    async def remember(self, delivery: DeliveredImage) -> None:
        self.unwritten.append(delivery)

    @property
    def task(self) -> Task:
        return self.claimed.task

    @property
    def images(self) -> tuple[ImageSpec, ...]:
        return self.claimed.spec.images


@dataclass(frozen=True, slots=True)
class ExecuteTask:
    store: Store
    prepare: PrepareInputs
    generate: Generate
    stop_jobs: StopJobs
    clock: Clock
    workdirs: Workdirs
    tracing: Tracing = NO_TRACING
    await_marks: AwaitMarks | None = None
    """None where pictures may leave without marks."""
    await_verdict: AwaitVerdict | None = None
    """None where no judge is asked before anything is ordered."""

    @property
    def judges_pictures(self) -> bool:
        """Whether a judge has to allow each picture, which is in the journal by then, before it counts."""
        return self.generate.check_picture is not None

    async def __call__(
        self, claimed: ClaimedTask, owner: str, interrupt: Interrupt, report: Report, *, is_new: bool = False
    ) -> Task | None:
        """Execute the task and settle it. None when another worker continues it.

        `is_new` says that nobody has executed it yet, so that the journal has no attempts of it.
        """
        attempts = () if is_new else await self.generate.journal.of(claimed.task.id)
        run = TaskRun(claimed, owner, interrupt, report, attempts)
        if images := all_delivered(await self._deliverable(attempts), run.images):
            return await self.end(claimed, owner, success(images, claimed))
        act_for(claimed.task.account)
        async with self._written_after_error(run):
            with self.workdirs.of(claimed.task.id) as workdir:
                try:
                    first, *others = await self._prepare(run, workdir)
                    if others:
                        every = map(self.generate, (first, *others))
                        outcomes: Sequence[Outcome] = await asyncio.gather(*every, return_exceptions=True)
                    else:
                        outcomes = [await self.generate(first)]
                    ending: Ending | None = _ending_of(run, outcomes)
                except Refusal as refusal:
                    status = Status.BANNED if refusal.code is Code.CONTENT_POLICY else Status.FAILED
                    ending = Ending(status, error_code=refusal.code, error_msg=_message(refusal))
                except Interrupted as interrupted:
                    ending = _ending_after(interrupted.reason, claimed.task)
                if ending is not None and ending.status is not Status.SUCCESS:
                    ending = await self._stop(run, ending, workdir)
        return await self.end(claimed, owner, ending, run.unwritten) if ending else None

    @asynccontextmanager
    async def _written_after_error(self, run: TaskRun) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            for delivery in run.unwritten:
                await self.generate.journal.delivered(delivery)
            raise

    async def end(
        self, claimed: ClaimedTask, owner: str, ending: Ending, unwritten: Sequence[DeliveredImage] = ()
    ) -> Task | None:
        """Settle the task, and write its image to the journal where that is still to be done."""
        now_ms = self.clock.now_ms()

        delivery = unwritten[0] if unwritten else None

        def work(records: Records) -> Task | None:
            return self._end(records, claimed, ending, now_ms, owner, delivery.row if delivery else None)

        with self.tracing.span(SETTLE):
            if delivery:
                return await self.generate.journal.delivered_with(delivery, work)
            return await self.store.run(work)

    def _end(  # noqa: PLR0917 - what is known of the end
        self,
        records: Records,
        claimed: ClaimedTask,
        ending: Ending,
        now_ms: int,
        owner: str,
        delivery: LastDelivery | None = None,
    ) -> Task | None:
        """Settle the task by what was delivered, and over which routes. `delivery` is not in the journal yet."""
        depends_on_journal = claimed.spec.n > 1 or claimed.spec.has_options
        if delivery and (depends_on_journal or ending.status is not Status.SUCCESS):
            records.attempts.delivered(delivery.attempt, delivery.result, delivery.cost_usd, now_ms)
            delivery = None
        if ending.status is Status.BANNED:
            log_banned(records, claimed.task, ending, now_ms)
        if depends_on_journal:
            attempts = self._allowed(records, records.attempts.of(claimed.task.id))
            ending = by_delivery(ending, claimed, attempts, self.generate.routing)
        return settle(records, claimed.task.id, ending, now_ms, owner=owner, delivery=delivery)

    async def _deliverable(self, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        """Those that may be handed out: where a judge looks at pictures, the ones that it allowed."""
        if not (self.judges_pictures and attempts):
            return attempts
        return await self.store.read(lambda records: self._allowed(records, attempts))

    def _allowed(self, records: Records, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
        if not (self.judges_pictures and attempts):
            return attempts
        allowed = records.moderation.allowed_pictures(attempts[0].task)
        return [each for each in attempts if not each.result or each.id in allowed]

    async def give_up(self, claimed: ClaimedTask, owner: str) -> Task | None:
        """End a task that met a bug of ours, unless a bought image can still be delivered: then a rescuer retries."""
        now_ms = self.clock.now_ms()
        return await self.store.run(lambda records: self._give_up(records, claimed, owner, now_ms))

    def _give_up(self, records: Records, claimed: ClaimedTask, owner: str, now_ms: int) -> Task | None:
        if claimed.claims <= MAX_CLAIMS and _bought(records.attempts.of(claimed.task.id)):
            return None  # the lease runs out, and the worker that takes it over resumes from the journal
        ending = Ending(Status.FAILED, error_code=Code.FATAL, error_msg="internal error")
        return self._end(records, claimed, ending, now_ms, owner)

    async def _prepare(self, run: TaskRun, workdir: Path) -> list[Generation]:
        task = run.task
        submit_until_ms, deadline_ms = self._deadlines_ms(run)
        if self.await_marks and not _bought(run.attempts):
            left_s = (submit_until_ms - self.clock.now_ms()) / 1000
            await self.await_marks(task.id, run.owner, run.interrupt, left_s)
        spec = run.claimed.spec
        if self.await_verdict and not _bought(run.attempts):
            left_s = (submit_until_ms - self.clock.now_ms()) / 1000
            await self.await_verdict(task, run.owner, spec.texts, run.interrupt, left_s)
        references = await self._references(run, deadline_ms, workdir)
        inputs = [await self.prepare(task, spec, image, references, workdir) for image in run.images]
        routes = self._routes(run, max(len(each.references) for each in inputs))
        if run.attempts or self.generate.routing.expects_workdir(routes):
            await asyncio.to_thread(_make_folders, [each.workdir for each in inputs])
        together, reports = SiblingFailure(), _shared(run.report, len(inputs))
        return [
            Generation(
                task=task.id,
                part=each.image.part,
                compose=each.compose,
                routes=routes,
                interrupt=run.interrupt,
                submit_until_ms=submit_until_ms,
                deadline_ms=deadline_ms,
                report=report,
                owner=run.owner,
                siblings=SiblingFailure() if spec.are_independent else together,
                attempts=[attempt for attempt in run.attempts if attempt.part == each.image.part],
                record=run.remember
                if len(inputs) == 1 and not self.judges_pictures
                else self.generate.journal.delivered,
            )
            for each, report in zip(inputs, reports, strict=True)
        ]

    async def _references(self, run: TaskRun, deadline_ms: int, workdir: Path) -> tuple[ReferenceImage, ...]:
        if not run.claimed.has_inputs:
            return ()
        await asyncio.to_thread(workdir.mkdir, exist_ok=True)
        left_s = (deadline_ms - self.clock.now_ms()) / 1000
        return await run.interrupt.wait_for(self.prepare.references(run.task, run.claimed.spec, workdir), left_s)

    def _routes(self, run: TaskRun, references: int) -> tuple[Route, ...]:
        """The routes for this task; none is needed where every image is bought already."""
        try:
            return self.generate.routing.routes_for(run.task.model, references, run.claimed.spec)
        except Refusal:
            if _bought(run.attempts) >= {image.part for image in run.images}:
                return ()
            raise

    def _deadlines_ms(self, run: TaskRun) -> tuple[int, int]:
        """Until when images may be submitted, and until when submitted jobs are polled."""
        now_ms = self.clock.now_ms()
        deadline_ms = (run.task.started_ms or now_ms) + run.task.run_limit_ms
        if _bought(run.attempts) and run.claimed.claims <= MAX_CLAIMS:
            return deadline_ms, max(deadline_ms, now_ms + TAKEOVER_POLL_MS)
        return deadline_ms, deadline_ms

    async def _stop(self, run: TaskRun, ending: Ending, workdir: Path) -> Ending:
        """Stop the vendors' jobs; a task whose images were all delivered by then succeeds."""
        if not await self.stop_jobs(run.task.id, workdir, ending.error_msg or ending.status):
            return ending
        images = all_delivered(await self._deliverable(await self.generate.journal.of(run.task.id)), run.images)
        return success(images, run.claimed) if images else ending


def _make_folders(folders: Sequence[Path]) -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)


def _bought(attempts: Sequence[Attempt]) -> set[str]:
    """The parts whose last attempt is a job at a vendor, or a delivered image."""
    last = {each.part: each.state for each in attempts}
    return {part for part, state in last.items() if state in {"submitted", "delivered"}}


def _message(refusal: Refusal) -> str:
    return f"{refusal.field}: {refusal.reason}" if refusal.field else refusal.reason


def _shared(report: Report, count: int) -> list[Report]:
    """A progress report for each image; the task's progress is their mean."""
    percents = [0] * count

    def report_of(number: int) -> Report:
        def update(percent: int) -> None:
            percents[number] = max(percents[number], percent)
            report(sum(percents) // count)

        return update

    return [report_of(number) for number in range(count)]


def _ending_of(run: TaskRun, outcomes: Sequence[Outcome]) -> Ending:
    """How the task ends with one failure or more. Raises the interruption, or the bug, of any of its images."""
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    failures = [each for each in outcomes if isinstance(each, Failure)]
    if not failures:
        images = {p.part: each for p, each in zip(run.images, outcomes, strict=True) if isinstance(each, KeptImage)}
        return success(images, run.claimed)
    cause = min(failures, key=lambda each: each.kind is FailureKind.CANCELLED)  # the others were stopped because of it
    if cause.kind is FailureKind.CONTENT_POLICY:
        return Ending(Status.BANNED, error_code=Code.CONTENT_POLICY, error_msg=cause.reason)
    return Ending(Status.FAILED, error_code=Code.FATAL, error_msg=cause.reason)


def _ending_after(reason: Reason, task: Task) -> Ending | None:
    """How an interrupted task ends; None when another worker continues it."""
    match reason:
        case Reason.CANCEL:
            return CANCELLED_BY_CALLER
        case Reason.DEADLINE:
            return Ending(
                Status.FAILED, error_code=Code.FATAL, error_msg=f"not done within {task.run_limit_ms // 1000} seconds"
            )
        case Reason.LEASE_LOST | Reason.SHUTDOWN:
            return None
