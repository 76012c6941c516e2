"""Running one claimed task, from its pictures to its end."""

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from limner.application.cancel import BY_CALLER
from limner.application.interrupt import Interrupt, Interrupted, Reason
from limner.application.journal import Kept, picture_in
from limner.application.pursue import Chase, Pursue
from limner.application.references import Prepare
from limner.application.routing import Routing
from limner.application.settle import settle
from limner.domain.failure import Failure, FailureKind
from limner.domain.model import MODELS
from limner.domain.prompt import compose
from limner.domain.refusal import Code, Refusal
from limner.domain.task import Ending, Status, Task
from limner.domain.template import normalise_slug
from limner.ports.clock import Clock
from limner.ports.provider import Brief, Order, Reference, Report
from limner.ports.records import Attempt, Claimed, Records, Store
from limner.ports.templates import LoadedTemplate, Templates

TAKEOVERS = 5
"""How many workers in a row may break on a task before what it bought is given up."""

LAST_LOOK_MS = 60_000
"""How long a job that is bought is followed by whoever takes it over, however late that is."""


@dataclass(frozen=True, slots=True)
class Execute:
    store: Store
    prepare: Prepare
    pursue: Pursue
    routing: Routing
    templates: Templates
    clock: Clock
    scratch: Path

    async def __call__(self, claimed: Claimed, owner: str, interrupt: Interrupt, report: Report) -> Task | None:
        """Run the task to its end and settle it; None when it was handed back or is no longer ours."""
        workdir = self.scratch / f"{claimed.task.id}-{claimed.claims}"
        await asyncio.to_thread(workdir.mkdir, parents=True, exist_ok=True)
        try:
            ending = await self._ending(claimed, owner, workdir, interrupt, report)
        finally:
            await asyncio.to_thread(shutil.rmtree, workdir, ignore_errors=True)
        return await self.end(claimed.task, owner, ending) if ending else None

    async def end(self, task: Task, owner: str, ending: Ending) -> Task | None:
        now_ms = self.clock.now_ms()
        return await self.store.run(lambda records: settle(records, task.id, ending, now_ms, owner=owner))

    async def give_up(self, claimed: Claimed, owner: str) -> Task | None:
        """End a task that broke on a fault of ours; not yet while something bought can still be brought home."""
        now_ms = self.clock.now_ms()
        return await self.store.run(lambda records: _give_up(records, claimed, owner, now_ms))

    async def _ending(
        self, claimed: Claimed, owner: str, workdir: Path, interrupt: Interrupt, report: Report
    ) -> Ending | None:
        past = await self.pursue.journal.of(claimed.task.id)
        if kept := picture_in(past):
            return _ending_of(kept, claimed.task)
        deadline_ms = self._deadline_ms(claimed, past)
        try:
            order = await self._order(claimed, workdir, interrupt, deadline_ms)
            route = self.routing.route(claimed.task.model)
            chase = Chase(claimed.task.id, order, route, interrupt, deadline_ms, report, owner)
            return _ending_of(await self.pursue(chase), claimed.task)
        except Refusal as refusal:
            return Ending(Status.FAILED, error_code=refusal.code, error_msg=_blame(refusal))
        except Interrupted as interrupted:
            return _ending_after(interrupted.reason, claimed.task)

    def _deadline_ms(self, claimed: Claimed, past: Sequence[Attempt]) -> int:
        now_ms = self.clock.now_ms()
        deadline_ms = (claimed.task.started_ms or now_ms) + claimed.task.run_limit_ms
        last_look = _is_bought(past) and claimed.claims <= TAKEOVERS
        return max(deadline_ms, now_ms + LAST_LOOK_MS) if last_look else deadline_ms

    async def _order(self, claimed: Claimed, workdir: Path, interrupt: Interrupt, deadline_ms: int) -> Order:
        task = claimed.task
        left_s = (deadline_ms - self.clock.now_ms()) / 1000
        own = await interrupt.wait_for(self.prepare(task.id, MODELS[task.model], workdir), left_s)
        template = self._template(claimed.order["template"])
        return await self._compose(claimed, template, own, workdir)

    async def _compose(
        self, claimed: Claimed, template: LoadedTemplate | None, own: tuple[Reference, ...], workdir: Path
    ) -> Order:
        wishes, model = claimed.order, MODELS[claimed.task.model]
        composed = compose(
            wishes["prompt"],
            model.dialect,
            template=template.template if template else None,
            t_pose=wishes["t_pose"],
            sketch_to_render=wishes["sketch_to_render"],
            own_pictures=len(own),
            cap=model.reference_cap,
        )
        brief = Brief(
            wishes["prompt"],
            template.template.slug if template else None,
            wishes["t_pose"],
            wishes["sketch_to_render"],
            len(own),
        )
        return Order(
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

    async def _template_pictures(self, template: LoadedTemplate | None, count: int) -> tuple[Reference, ...]:
        paths = template.pictures[:count] if template else ()
        seen = [(path, await asyncio.to_thread(self.prepare.intake.inspect, path)) for path in paths]
        return tuple(Reference(path, each.media_type, each.width, each.height) for path, each in seen)


def _seed(task_id: str) -> int:
    """A task's own number from 0 to 2^31 - 1: a repeat of the task draws the same picture where the model lets it."""
    return int.from_bytes(hashlib.blake2b(task_id.encode(), digest_size=4).digest()) >> 1


def _is_bought(past: Sequence[Attempt]) -> bool:
    return bool(past) and past[-1].state in {"submitted", "delivered"}


def _give_up(records: Records, claimed: Claimed, owner: str, now_ms: int) -> Task | None:
    if claimed.claims <= TAKEOVERS and _is_bought(records.attempts.of(claimed.task.id)):
        return None  # the lease runs out, and whoever takes it over goes on from the journal
    ending = Ending(Status.FAILED, error_code=Code.FATAL, error_msg="internal error")
    return settle(records, claimed.task.id, ending, now_ms, owner=owner)


def _blame(refusal: Refusal) -> str:
    return f"{refusal.field}: {refusal.reason}" if refusal.field else refusal.reason


def _ending_of(outcome: Kept | Failure, task: Task) -> Ending:
    match outcome:
        case Kept(result, served_by):
            return Ending(Status.SUCCESS, consumed=task.price, result=result, served_by=served_by)
        case Failure(kind=FailureKind.CONTENT_POLICY, reason=reason):
            return Ending(Status.BANNED, error_code=Code.CONTENT_POLICY, error_msg=reason)
        case Failure(reason=reason):
            return Ending(Status.FAILED, error_code=Code.FATAL, error_msg=reason)


def _ending_after(reason: Reason, task: Task) -> Ending | None:
    """How an interrupted task ends; not at all when another worker goes on with it."""
    match reason:
        case Reason.CANCEL:
            return BY_CALLER
        case Reason.DEADLINE:
            return Ending(
                Status.FAILED, error_code=Code.FATAL, error_msg=f"not done within {task.run_limit_ms // 1000} seconds"
            )
        case Reason.LEASE_LOST | Reason.SHUTDOWN:
            return None
