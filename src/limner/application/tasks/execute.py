"""Running one claimed task, from its pictures to its end."""

import asyncio
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.application.accounts.fair_share import acting_for
from limner.application.generation.generate import Generate, Generation, SiblingFailure
from limner.application.generation.interrupt import Interrupt, Interrupted, Reason
from limner.application.generation.journal import KeptImage, delivered_image
from limner.application.generation.routing import Routing
from limner.application.images.references import PrepareReferences
from limner.application.tasks.cancel import CANCELLED_BY_CALLER
from limner.application.tasks.multiview import PictureSpec, combine_results, picture_specs
from limner.application.tasks.prompt_inputs import PromptInputs
from limner.application.tasks.settle import settle
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.attempts import Attempt
from limner.db.tables.tasks import ClaimedTask
from limner.domain.model import MODELS
from limner.domain.prompts.template import normalise_slug
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import Route
from limner.domain.tasks.task import Ending, Status, Task
from limner.ports.clock import Clock
from limner.ports.provider import CallerRequest, GenerationRequest, ReferenceImage, Report
from limner.ports.templates import LoadedTemplate, Templates

MAX_CLAIMS = 5
"""How many workers in a row may break on a task before what it bought is given up."""

TAKEOVER_POLL_MS = 60_000
"""How long a job that is bought is followed by whoever takes it over, however late that is."""


@dataclass(frozen=True, slots=True)
class ExecuteTask:
    store: Store
    prepare: PrepareReferences
    generate: Generate
    routing: Routing
    templates: Templates
    clock: Clock
    scratch: Path

    async def __call__(self, claimed: ClaimedTask, owner: str, interrupt: Interrupt, report: Report) -> Task | None:
        """Run the task to its end and settle it; None when it was handed back or is no longer ours."""
        workdir = self.scratch / f"{claimed.task.id}-{claimed.claims}"
        await asyncio.to_thread(workdir.mkdir, parents=True, exist_ok=True)
        try:
            with acting_for(claimed.task.account):
                ending = await self._ending(claimed, owner, workdir, interrupt, report)
        finally:
            await asyncio.to_thread(shutil.rmtree, workdir, ignore_errors=True)
        return await self.end(claimed.task, owner, ending) if ending else None

    async def end(self, task: Task, owner: str, ending: Ending) -> Task | None:
        now_ms = self.clock.now_ms()
        return await self.store.run(lambda records: settle(records, task.id, ending, now_ms, owner=owner))

    async def give_up(self, claimed: ClaimedTask, owner: str) -> Task | None:
        """End a task that broke on a fault of ours; not yet while something bought can still be brought home."""
        now_ms = self.clock.now_ms()
        return await self.store.run(lambda records: _give_up(records, claimed, owner, now_ms))

    async def _ending(
        self, claimed: ClaimedTask, owner: str, workdir: Path, interrupt: Interrupt, report: Report
    ) -> Ending | None:
        past = await self.generate.journal.of(claimed.task.id)
        shots = picture_specs(claimed.order)
        if kept := _all_kept(past, shots):
            return _success(combine_results(kept, claimed.order), claimed.task)
        submit_until_ms, deadline_ms = self._deadlines_ms(claimed, past)
        try:
            orders = await self._orders(claimed, shots, workdir, interrupt, deadline_ms)
            routes = self._ways(claimed.task, past, shots)
            company, reports = SiblingFailure(), _shared(report, len(shots))
            chases = [
                Generation(
                    claimed.task.id,
                    shot.part,
                    order,
                    routes,
                    interrupt,
                    submit_until_ms,
                    deadline_ms,
                    told,
                    owner,
                    company,
                )
                for shot, order, told in zip(shots, orders, reports, strict=True)
            ]
            return _ending_of(await self._all(chases), claimed)
        except Refusal as refusal:
            return Ending(Status.FAILED, error_code=refusal.code, error_msg=_blame(refusal))
        except Interrupted as interrupted:
            return _ending_after(interrupted.reason, claimed.task)

    def _ways(self, task: Task, past: Sequence[Attempt], shots: Sequence[PictureSpec]) -> tuple[Route, ...]:
        """The routes for this task; none is needed where all that is missing is bought already."""
        try:
            return self.routing.ways(task.model)
        except Refusal:
            if _bought(past) >= {shot.part for shot in shots}:
                return ()
            raise

    def _deadlines_ms(self, claimed: ClaimedTask, past: Sequence[Attempt]) -> tuple[int, int]:
        """Until when something may be ordered, and until when what was ordered is followed."""
        now_ms = self.clock.now_ms()
        deadline_ms = (claimed.task.started_ms or now_ms) + claimed.task.run_limit_ms
        last_look = _bought(past) and claimed.claims <= MAX_CLAIMS
        return deadline_ms, max(deadline_ms, now_ms + TAKEOVER_POLL_MS) if last_look else deadline_ms

    async def _all(self, chases: Sequence[Generation]) -> dict[str, KeptImage | Failure]:
        """What became of each picture. An interruption, or a bug, of one is that of all."""
        outcomes = await asyncio.gather(*(self.generate(chase) for chase in chases), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return {
            chase.part: each
            for chase, each in zip(chases, outcomes, strict=True)
            if not isinstance(each, BaseException)
        }

    async def _orders(
        self, claimed: ClaimedTask, shots: Sequence[PictureSpec], workdir: Path, interrupt: Interrupt, deadline_ms: int
    ) -> list[GenerationRequest]:
        task = claimed.task
        left_s = (deadline_ms - self.clock.now_ms()) / 1000
        own = await interrupt.wait_for(self.prepare(task.id, MODELS[task.model], workdir), left_s)
        template = self._template(claimed.order["template"])
        return [await self._compose(claimed, shot, template, own, workdir) for shot in shots]

    async def _compose(
        self,
        claimed: ClaimedTask,
        shot: PictureSpec,
        template: LoadedTemplate | None,
        given: tuple[ReferenceImage, ...],
        workdir: Path,
    ) -> GenerationRequest:
        own = given if shot.reference is None else given[shot.reference : shot.reference + 1]
        if shot.part:
            workdir /= shot.part
            await asyncio.to_thread(workdir.mkdir, exist_ok=True)
        wishes = PromptInputs.in_order(claimed.order, shot.prompt)
        composed = wishes.told_to(MODELS[claimed.task.model], template.template if template else None, len(own))
        brief = CallerRequest(
            shot.prompt if shot.wish is None else shot.wish,
            template.template.slug if template else None,
            wishes.t_pose,
            wishes.sketch_to_render,
            len(own),
            shot.part if shot.wish == "" else None,
        )
        return GenerationRequest(
            task_id=claimed.task.id,
            attempt_id="",
            upstream="",
            prompt=composed.text,
            brief=brief,
            references=own + await self._template_pictures(template, composed.template_pictures),
            aspect_ratio=composed.aspect_ratio,
            seed=_seed(claimed.task.id),
            workdir=workdir,
        )

    def _template(self, slug: str | None) -> LoadedTemplate | None:
        if slug is None:
            return None
        try:
            return self.templates[normalise_slug(slug)]
        except KeyError:
            raise Refusal(
                Code.INVALID, f"template {slug!r} is no longer there", suggestion="Use another one.", field="template"
            ) from None

    async def _template_pictures(self, template: LoadedTemplate | None, count: int) -> tuple[ReferenceImage, ...]:
        paths = template.pictures[:count] if template else ()
        seen = [(path, await self.prepare.intake.inspect(path)) for path in paths]
        return tuple(ReferenceImage(path, each.media_type, each.width, each.height) for path, each in seen)


def _seed(task_id: str) -> int:
    """A task's own number from 0 to 2^31 - 1: a repeat of the task draws the same picture where the model lets it."""
    return int.from_bytes(hashlib.blake2b(task_id.encode(), digest_size=4).digest()) >> 1


def _bought(past: Sequence[Attempt]) -> set[str]:
    """The parts whose last attempt has something to bring home."""
    last = {each.part: each.state for each in past}
    return {part for part, state in last.items() if state in {"submitted", "delivered"}}


def _give_up(records: Records, claimed: ClaimedTask, owner: str, now_ms: int) -> Task | None:
    if claimed.claims <= MAX_CLAIMS and _bought(records.attempts.of(claimed.task.id)):
        return None  # the lease runs out, and whoever takes it over goes on from the journal
    ending = Ending(Status.FAILED, error_code=Code.FATAL, error_msg="internal error")
    return settle(records, claimed.task.id, ending, now_ms, owner=owner)


def _blame(refusal: Refusal) -> str:
    return f"{refusal.field}: {refusal.reason}" if refusal.field else refusal.reason


def _all_kept(past: Sequence[Attempt], shots: Sequence[PictureSpec]) -> dict[str, KeptImage] | None:
    """The pictures of a task that were all brought home before; None while one is missing."""
    found = {shot.part: delivered_image([each for each in past if each.part == shot.part]) for shot in shots}
    kept = {part: picture for part, picture in found.items() if picture}
    return kept if len(kept) == len(shots) else None


def _shared(report: Report, many: int) -> list[Report]:
    """A report for each picture, whose mean is the task's progress."""
    percents = [0] * many

    def of(number: int) -> Report:
        def told(percent: int) -> None:
            percents[number] = max(percents[number], percent)
            report(sum(percents) // many)

        return told

    return [of(number) for number in range(many)]


def _success(kept: KeptImage, task: Task) -> Ending:
    return Ending(Status.SUCCESS, consumed=task.price, result=kept.result, served_by=kept.served_by)


def _ending_of(outcomes: Mapping[str, KeptImage | Failure], claimed: ClaimedTask) -> Ending:
    """One failure fails them all, and it is the one that came by itself which is told."""
    failures = [each for each in outcomes.values() if isinstance(each, Failure)]
    if not failures:
        kept = {part: each for part, each in outcomes.items() if isinstance(each, KeptImage)}
        return _success(combine_results(kept, claimed.order), claimed.task)
    failure = min(failures, key=lambda each: each.kind is FailureKind.CANCELLED)
    if failure.kind is FailureKind.CONTENT_POLICY:
        return Ending(Status.BANNED, error_code=Code.CONTENT_POLICY, error_msg=failure.reason)
    return Ending(Status.FAILED, error_code=Code.FATAL, error_msg=failure.reason)


def _ending_after(reason: Reason, task: Task) -> Ending | None:
    """How an interrupted task ends; not at all when another worker goes on with it."""
    match reason:
        case Reason.CANCEL:
            return CANCELLED_BY_CALLER
        case Reason.DEADLINE:
            return Ending(
                Status.FAILED, error_code=Code.FATAL, error_msg=f"not done within {task.run_limit_ms // 1000} seconds"
            )
        case Reason.LEASE_LOST | Reason.SHUTDOWN:
            return None
