"""Submitting a task: planned, then accepted in one unit of work that holds its credits and puts it into the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from limner.application.accounts.fair_share import FairShare
from limner.application.budgets.budget_warnings import BudgetOwner, BudgetWarning, log_warnings, warn_of_refusal
from limner.application.budgets.charge import charge
from limner.application.ids import time_ordered
from limner.application.images.mask import CheckMask
from limner.application.images.references import KeepInlineImages, ResolveInputs
from limner.application.images.upload import KeptPicture
from limner.application.library.parents import record_parents
from limner.application.tasks.multiview import original_of, unchanged_views
from limner.application.tasks.plan import Plan
from limner.application.tasks.plan_task import PlanTask
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.idempotency import IdempotentTask
from limner.db.tables.keys import Key
from limner.db.tables.tasks import NewTask
from limner.domain.accounts.budgets import BudgetSpent
from limner.domain.accounts.credits import hold
from limner.domain.ids import TaskId
from limner.domain.model import ModelFacts
from limner.domain.prompts.prompt import V2_RULES, PromptRules
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.routing.obeyed import obeyed
from limner.domain.tasks.request import (
    CONCURRENCY_GROUPS,
    DEFAULT_LIMITS,
    ConcurrencyGroup,
    ImageRequest,
    InlineSource,
)
from limner.domain.tasks.search import words_of
from limner.domain.tasks.task import Status
from limner.ports.clock import Clock
from limner.ports.signals import Signals
from limner.ports.tracing import NO_TRACING, Tracing

RETRY_AFTER_S = 5
"""The `Retry-After` of an account that is at its limit: an image takes a few seconds."""


class IdempotencyConflict(Refusal):
    """An idempotency key was used again with another request."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key, and a digest of the request to detect another request with the same key."""

    key: str
    digest: str


SUBMITS_AT_ONCE, SUBMITS_OF_ACCOUNT = 32, 4
"""Tasks that are written at once: more of them per commit would not make one account's faster, but others' slower."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """`replayed` says that an earlier request with the same idempotency key created the task."""

    task: TaskId
    provider: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class SubmitLimits:
    """The operator's settings for new tasks. `image_tasks` is how many may be queued or running per account."""

    image_tasks: int
    queue_deadline_s: int
    run_deadline_s: int
    transcode_webp: bool

    def limit_of(self, group: str) -> int:
        """How many tasks of a concurrency group an account may have, unless the account has a limit of its own."""
        return self.image_tasks if group == ConcurrencyGroup.IMAGE else DEFAULT_LIMITS[ConcurrencyGroup(group)]


@dataclass(frozen=True, slots=True)
class Submit:
    store: Store
    keep_inline: KeepInlineImages
    check_mask: CheckMask
    plan: PlanTask
    signals: Signals
    clock: Clock
    limits: SubmitLimits
    tracing: Tracing = NO_TRACING
    turns: FairShare = field(default_factory=lambda: FairShare(SUBMITS_AT_ONCE, SUBMITS_OF_ACCOUNT))

    async def __call__(
        self,
        key: Key,
        request: ImageRequest,
        *,
        idempotency: IdempotencyKey | None = None,
        prompt_rules: PromptRules = V2_RULES,
    ) -> Submitted:
        """Accept the task, durably. Raises `Refusal` when it cannot be accepted: then nothing is held."""
        plan = await self.plan.of_account(key.account, request)
        draft = plan(key, request, prompt_rules, Problems())
        request, planned, route = draft.request, draft.plan, draft.routes[0]
        task = replace(self._new_task(key, request, planned), ignored=obeyed(planned.spec, route).ignored)
        acceptance = _Acceptance(
            task=task, request=request, model=planned.model, inline={}, idempotency=idempotency, limits=self.limits
        )
        try:
            earlier = await self._accept(acceptance)
        except BudgetSpent as refusal:
            await self._warn_of(refusal, task)
            raise
        if earlier is None:
            self.signals.work_arrived()
        return Submitted(earlier or task.id, route.provider, replayed=earlier is not None)

    async def _accept(self, acceptance: "_Acceptance") -> TaskId | None:
        """Store the images that came inside the request, check its mask, then write the task."""
        inputs, mask = acceptance.request.inputs, acceptance.request.mask
        if mask or any(isinstance(file.source, InlineSource) for file in inputs):
            earlier = await self._dry_run(acceptance)
            if earlier:
                return earlier
            check = partial(self.check_mask, acceptance.task.account, acceptance.request)
            inline = await self.keep_inline(inputs, acceptance.model, acceptance.task.id, check)
            acceptance = replace(acceptance, inline=inline)
        async with self.turns.slot():
            accepted = await self.store.run(lambda records: _accept(records, acceptance))
        log_warnings(accepted.warnings)
        return accepted.earlier

    async def _warn_of(self, refusal: BudgetSpent, task: NewTask) -> None:
        """Warn of a budget that refused a task, unless that was done."""
        if refusal.budget.warned < 100:
            owner = BudgetOwner(task.account, task.key if refusal.whose == "key" else None)
            period, now_ms = refusal.budget.period, task.created_ms
            log_warnings(await self.store.run(lambda records: warn_of_refusal(records, owner, period, now_ms)))

    async def _dry_run(self, acceptance: "_Acceptance") -> TaskId | None:
        """Raise what `_accept` would raise, before any image is stored; the unit of work is rolled back."""
        try:
            await self.store.run(lambda records: _dry_run(records, acceptance))
        except _DryRunSucceeded as dry_run:
            return dry_run.earlier
        return None

    def _new_task(self, key: Key, request: ImageRequest, planned: Plan) -> NewTask:
        now_ms = self.clock.now_ms()
        return NewTask(
            id=TaskId(time_ordered(now_ms)),
            account=key.account,
            type=request.type,
            concurrency_group=CONCURRENCY_GROUPS[request.type],
            model=planned.model.name,
            echo={**request.echo, "model_version": planned.model.name},
            spec=planned.spec,
            price=planned.price,
            priority=request.priority,
            place=0,
            created_ms=now_ms,
            queue_deadline_ms=now_ms + self.limits.queue_deadline_s * 1000,
            run_limit_ms=self.limits.run_deadline_s * 1000,
            key=key.id or None,
            words=words_of(planned.spec.texts),
            trace=self.tracing.context(),
        )


# --- the unit of work ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Acceptance:
    """What the unit of work that accepts a task needs."""

    task: NewTask
    request: ImageRequest
    model: ModelFacts
    inline: Mapping[str, KeptPicture]
    idempotency: IdempotencyKey | None
    limits: SubmitLimits


@dataclass(frozen=True, slots=True)
class _Accepted:
    """`earlier` is the task that an idempotency key replays; `warnings` are logged once all is committed."""

    earlier: TaskId | None
    warnings: Sequence[BudgetWarning] = ()


def _accept(records: Records, acceptance: _Acceptance) -> _Accepted:
    """Write the task, or raise `Refusal`."""
    task = acceptance.task
    earlier = _replay(records, acceptance)
    if earlier:
        return _Accepted(earlier.task)
    resolving = ResolveInputs(
        records,
        task.account,
        acceptance.model,
        acceptance.inline,
        task.created_ms,
        acceptance.limits.transcode_webp,
        records.blobs.lock,
    )
    inputs, echo = resolving(acceptance.request.inputs)
    if acceptance.request.original:
        original = original_of(records, task.account, acceptance.request.original, acceptance.model, records.blobs.lock)
        inputs = list(original.inputs)
        unchanged = unchanged_views(original, [each.view for each in acceptance.request.edits])
        task = replace(task, spec=replace(task.spec, unchanged_views=unchanged))
    limit = acceptance.limits.limit_of(task.concurrency_group)
    if not records.accounts.acquire_slot(task.account, task.concurrency_group, limit):
        raise _too_many_tasks()
    place, warnings = charge(records, task)
    records.ledger.append(task.account, hold(task.price), task.created_ms, task=task.id)
    records.tasks.add(replace(task, place=place, echo={**task.echo, **echo}), inputs)
    record_parents(records, task.account, task.id, acceptance.request, inputs)
    records.prompt_index.add(task.account, task.id, task.words)
    records.events.add(task.account, task.id, Status.QUEUED, task.created_ms)
    if acceptance.request.webhook_url is not None:
        _add_task_webhook(records, task, acceptance.request.webhook_url)
    return _Accepted(None, warnings)


def _add_task_webhook(records: Records, task: NewTask, url: str) -> None:
    if records.webhooks.for_tasks(task.account) is None:
        raise Refusal(
            Code.INVALID,
            "the account has no webhook for addresses that come with tasks, so nothing could be signed",
            suggestion="Add one with `limner webhooks add --per-task`, or POST /v1/webhooks, and keep its secret.",
            field="webhook_url",
        )
    records.webhooks.set_task_url(task.id, url)


def _replay(records: Records, acceptance: _Acceptance) -> IdempotentTask | None:
    if acceptance.idempotency is None:
        return None
    key, digest = acceptance.idempotency.key, acceptance.idempotency.digest
    earlier = records.idempotency.bind(
        acceptance.task.account, key, digest, acceptance.task.id, acceptance.task.created_ms
    )
    if earlier:
        _check_same(earlier, acceptance.idempotency)
    return earlier


def _check_same(earlier: IdempotentTask, idempotency: IdempotencyKey) -> None:
    if earlier.digest != idempotency.digest:
        raise IdempotencyConflict(
            Code.INVALID,
            f"idempotency key {idempotency.key!r} was used for a different request",
            suggestion="Send the same body again to get the first answer, or use a new key for a new request.",
            field="Idempotency-Key",
        )


class _DryRunSucceeded(Exception):
    """Rolls back a unit of work that succeeded."""

    def __init__(self, earlier: TaskId | None) -> None:
        super().__init__()
        self.earlier = earlier


def _dry_run(records: Records, acceptance: _Acceptance) -> None:
    request = acceptance.request
    files = tuple(file for file in request.files if not isinstance(file.source, InlineSource))
    mask = None if request.mask and isinstance(request.mask.source, InlineSource) else request.mask
    accepted = _accept(records, replace(acceptance, request=replace(request, files=files, mask=mask)))
    raise _DryRunSucceeded(accepted.earlier)


def _too_many_tasks() -> Refusal:
    return Refusal(
        Code.TOO_MANY_TASKS,
        "the account has as many tasks queued or running as it may",
        suggestion=f"Wait until one is done, or for {RETRY_AFTER_S} seconds (`Retry-After`), and try again.",
        retry_after_s=RETRY_AFTER_S,
    )
