"""Submitting a task: planned, then accepted in one unit of work that holds its credits and puts it into the queue."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from limner.application.accounts.fair_share import FairShare
from limner.application.budgets.budget_warnings import BudgetOwner, log_warnings, warn_of_refusal
from limner.application.ids import time_ordered
from limner.application.images.mask import CheckMask
from limner.application.images.references import KeepInlineImages
from limner.application.moderation.before_order import CheckOrder
from limner.application.tasks.accept import Acceptance, DryRunSucceeded, IdempotencyKey, SubmitLimits, accept, dry_run
from limner.application.tasks.plan import Plan
from limner.application.tasks.plan_task import PlannedTask, PlanTask
from limner.db.store import Store
from limner.db.tables.keys import Key
from limner.db.tables.tasks import NewTask
from limner.domain.accounts.budgets import BudgetSpent
from limner.domain.ids import TaskId
from limner.domain.moderation import Moderated
from limner.domain.prompts.prompt import V2_RULES, PromptRules
from limner.domain.refusal import Problems
from limner.domain.routing.obeyed import obeyed
from limner.domain.tasks.request import CONCURRENCY_GROUPS, ImageRequest, InlineSource
from limner.domain.tasks.search import words_of
from limner.ports.clock import Clock
from limner.ports.signals import Signals
from limner.ports.tracing import NO_TRACING, Tracing

SUBMITS_AT_ONCE, SUBMITS_OF_ACCOUNT = 32, 4
"""Tasks that are written at once: more of them per commit would not make one account's faster, but others' slower."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """`replayed` says that an earlier request with the same idempotency key created the task."""

    task: TaskId
    provider: str
    replayed: bool


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
    check_order: CheckOrder | None = None
    """None where there are no rules of the operator's."""
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
        acceptance = Acceptance(
            task=task, request=request, model=planned.model, inline={}, idempotency=idempotency, limits=self.limits
        )
        try:
            earlier = await self._checked_and_accepted(acceptance, _texts(draft))
        except BudgetSpent as refusal:
            await self._warn_of(refusal, task)
            raise
        if earlier is None:
            self.signals.work_arrived()
        return Submitted(earlier or task.id, route.provider, replayed=earlier is not None)

    async def _checked_and_accepted(self, acceptance: Acceptance, texts: Sequence[str]) -> TaskId | None:
        """Accept what the operator's rules allow. A request that was accepted before is replayed, not judged again."""
        account, model = acceptance.task.account, acceptance.model.name
        try:
            judged = self.check_order is None or await self.check_order(account, model, texts)
        except Moderated:
            if acceptance.idempotency and (earlier := await self._dry_run(acceptance)):
                return earlier
            raise
        return await self._accept(acceptance if judged else replace(acceptance, unjudged=True))

    async def _accept(self, acceptance: Acceptance) -> TaskId | None:
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
            accepted = await self.store.run(lambda records: accept(records, acceptance))
        log_warnings(accepted.warnings)
        return accepted.earlier

    async def _warn_of(self, refusal: BudgetSpent, task: NewTask) -> None:
        """Warn of a budget that refused a task, unless that was done."""
        if refusal.budget.warned < 100:
            owner = BudgetOwner(task.account, task.key if refusal.whose == "key" else None)
            period, now_ms = refusal.budget.period, task.created_ms
            log_warnings(await self.store.run(lambda records: warn_of_refusal(records, owner, period, now_ms)))

    async def _dry_run(self, acceptance: Acceptance) -> TaskId | None:
        """Raise what `accept` would raise, before any image is stored; the unit of work is rolled back."""
        try:
            await self.store.run(lambda records: dry_run(records, acceptance))
        except DryRunSucceeded as succeeded:
            return succeeded.earlier
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


def _texts(draft: PlannedTask) -> list[str]:
    """What the caller wrote: in the request, and in a template of the account's own."""
    spec = draft.plan.spec
    composed = [each.text for each in draft.prompts.values()] if spec.template_row else []
    return [*spec.texts, *dict.fromkeys(composed)]
