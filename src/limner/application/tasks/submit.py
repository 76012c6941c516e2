"""Accepting a task: once this returns it is on disk, its credits are held, and nothing short of its end loses it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from limner.application.generation.routing import Routing
from limner.application.ids import time_ordered
from limner.application.images.references import KeepInlineImages, ResolveInputs
from limner.application.images.upload import KeptPicture
from limner.application.tasks.multiview import original_of, unchanged_views
from limner.application.tasks.plan import Plan, plan
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.idempotency import IdempotentTask
from limner.db.tables.keys import Key
from limner.db.tables.tasks import NewTask
from limner.domain.accounts.credits import hold
from limner.domain.accounts.key_limits import UNLIMITED, day_of, exhausted
from limner.domain.ids import TaskId
from limner.domain.model import DEFAULT_MULTIVIEW_MODEL, ModelFacts
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks import fair_queue
from limner.domain.tasks.request import (
    BUCKET_OF,
    DEFAULT_LIMITS,
    ConcurrencyGroup,
    ImageRequest,
    InlineSource,
    UrlSource,
)
from limner.domain.tasks.task import Status
from limner.ports.clock import Clock
from limner.ports.intake import Intake
from limner.ports.signals import Signals
from limner.ports.templates import Templates

RETRY_AFTER_S = 5
"""What a client is told to wait when its account is at its limit; a picture takes a few seconds."""


class IdempotencyConflict(Refusal):
    """One idempotency key, two different requests."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key and what the request was, so that a repeat is told from a different request."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """`replayed` says that an earlier request with the same idempotency key made the task."""

    task: TaskId
    provider: str
    replayed: bool


def no_webhooks(_url: str) -> None:
    """For a service that was given nothing to send with."""
    raise Refusal(Code.INVALID, "webhooks are not available", suggestion="Leave webhook_url out.", field="webhook_url")


@dataclass(frozen=True, slots=True)
class SubmitLimits:
    """What an operator chose about accepting tasks. `limit` is image tasks under way per account."""

    limit: int
    queue_deadline_s: int
    run_deadline_s: int
    transcode_webp: bool
    multiview_model: str = DEFAULT_MULTIVIEW_MODEL

    def limit_of(self, bucket: str) -> int:
        """How many tasks of a bucket an account may have under way, unless it is set for the account."""
        return self.limit if bucket == ConcurrencyGroup.IMAGE else DEFAULT_LIMITS[ConcurrencyGroup(bucket)]


@dataclass(frozen=True, slots=True)
class Submit:
    store: Store
    intake: Intake
    keep_inline: KeepInlineImages
    templates: Templates
    routing: Routing
    signals: Signals
    clock: Clock
    terms: SubmitLimits
    check_webhook: Callable[[str], None] = no_webhooks

    async def __call__(
        self, key: Key, request: ImageRequest, *, idempotency: IdempotencyKey | None = None, prompt_limit: int = 1024
    ) -> Submitted:
        made = plan(request, self.templates, prompt_limit, self.terms.multiview_model)
        provider = self.routing.ways(made.model.name)[0].provider
        self._check_addresses(request)
        task = self._new_task(key, request, made)
        earlier = await self._accept(_Promise(task, request, made.model, {}, idempotency, self.terms))
        if earlier is None:
            self.signals.work_arrived()
        return Submitted(earlier or task.id, provider, replayed=earlier is not None)

    def _check_addresses(self, request: ImageRequest) -> None:
        """Refuse what is no address. One that is not public fails its task, as one does that turns out so later."""
        for file in request.files:
            if isinstance(file.source, UrlSource):
                try:
                    self.intake.check_url(file.source.url)
                except Refusal as refusal:
                    if refusal.code is Code.INVALID:
                        raise refusal.at(f"{file.field}.url") from None
        if request.webhook_url is not None:
            try:
                self.check_webhook(request.webhook_url)
            except Refusal as refusal:
                raise refusal.at("webhook_url") from None

    async def _accept(self, promise: "_Promise") -> TaskId | None:
        """Keep the pictures that came inside the request, then write the task."""
        if any(isinstance(file.source, InlineSource) for file in promise.request.files):
            earlier = await self._rehearse(promise)
            if earlier:
                return earlier
            promise = replace(
                promise, inline=await self.keep_inline(promise.request.files, promise.model, promise.task.id)
            )
        return await self.store.run(lambda records: _accept(records, promise))

    async def _rehearse(self, promise: "_Promise") -> TaskId | None:
        """Refuse what will be refused before its pictures are kept: all but those is done once and undone."""
        try:
            await self.store.run(lambda records: _rehearse(records, promise))
        except _Rehearsed as rehearsed:
            return rehearsed.earlier
        return None

    def _new_task(self, key: Key, request: ImageRequest, made: Plan) -> NewTask:
        now_ms = self.clock.now_ms()
        return NewTask(
            id=TaskId(time_ordered(now_ms)),
            account=key.account,
            type=request.type,
            bucket=BUCKET_OF[request.type],
            model=made.model.name,
            echo={**request.echo, "model_version": made.model.name},
            order=_order(request, made),
            price=made.price,
            priority=request.priority,
            place=0,
            created_ms=now_ms,
            queue_deadline_ms=now_ms + self.terms.queue_deadline_s * 1000,
            run_limit_ms=self.terms.run_deadline_s * 1000,
            key=key.id or None,
        )


def _order(request: ImageRequest, made: Plan) -> dict[str, Any]:
    """What the worker needs to run the task, by itself."""
    return {
        "prompt": made.prompt,
        "template": made.template.template.slug if made.template else None,
        "t_pose": request.t_pose,
        "sketch_to_render": request.sketch_to_render,
        "negative_prompt": request.negative_prompt,
        "aspect_ratio": request.aspect_ratio,
        "ignored": list(request.ignored),
        **({"views": [asdict(shot) for shot in made.views]} if made.views else {}),
    }


# --- the unit of work ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Promise:
    """All that one unit of work needs to accept a task."""

    task: NewTask
    request: ImageRequest
    model: ModelFacts
    inline: Mapping[str, KeptPicture]
    idempotency: IdempotencyKey | None
    terms: SubmitLimits


def _accept(records: Records, promise: _Promise) -> TaskId | None:
    """Write the task, or raise; the id of an earlier task when this request was made before."""
    task = promise.task
    earlier = _replay(records, promise)
    if earlier:
        return earlier.task
    resolving = ResolveInputs(
        records, task.account, promise.model, promise.inline, task.created_ms, promise.terms.transcode_webp
    )
    inputs, echo = resolving(promise.request.files)
    if promise.request.original:
        original = original_of(records, task.account, promise.request.original, promise.model)
        inputs = list(original.inputs)
        task = replace(
            task, order={**task.order, "stays": unchanged_views(original, [c.view for c in promise.request.changes])}
        )
    if not records.accounts.acquire_slot(task.account, task.bucket, promise.terms.limit_of(task.bucket)):
        raise _too_many()
    place = records.accounts.reserve_place(task.account, task.price, fair_queue.step(task.priority))
    if place is None:
        raise _lacks_credit(records.accounts.balance(task.account).available, task.price)
    _charge_key(records, task)
    records.ledger.append(task.account, hold(task.price), task.created_ms, task=task.id)
    records.tasks.add(replace(task, place=place, echo={**task.echo, **echo}), inputs)
    records.events.add(task.account, task.id, Status.QUEUED, task.created_ms)
    if promise.request.webhook_url is not None:
        _expect(records, task, promise.request.webhook_url)
    return None


def _expect(records: Records, task: NewTask, url: str) -> None:
    if records.webhooks.for_tasks(task.account) is None:
        raise Refusal(
            Code.INVALID,
            "the account has no webhook for addresses that come with tasks, so nothing could be signed",
            suggestion="Add one with `limner webhooks add --per-task`, or POST /v1/webhooks, and keep its secret.",
            field="webhook_url",
        )
    records.webhooks.set_task_url(task.id, url)


def _charge_key(records: Records, task: NewTask) -> None:
    day = day_of(task.created_ms)
    if task.key and not records.keys.charge(task.key, task.price, day):
        key = records.keys.get(task.key)
        raise exhausted(key.allowance if key else UNLIMITED, records.keys.usage(task.key, day), task.price)


def _replay(records: Records, promise: _Promise) -> IdempotentTask | None:
    if promise.idempotency is None:
        return None
    key, digest = promise.idempotency.key, promise.idempotency.digest
    earlier = records.idempotency.bind(promise.task.account, key, digest, promise.task.id, promise.task.created_ms)
    if earlier:
        _check_same(earlier, promise.idempotency)
    return earlier


def _check_same(earlier: IdempotentTask, idempotency: IdempotencyKey) -> None:
    if earlier.digest != idempotency.digest:
        raise IdempotencyConflict(
            Code.INVALID,
            f"idempotency key {idempotency.key!r} was used for a different request",
            suggestion="Send the same body again to get the first answer, or use a new key for a new request.",
            field="Idempotency-Key",
        )


class _Rehearsed(Exception):
    """Undoes a unit of work that went well."""

    def __init__(self, earlier: TaskId | None) -> None:
        super().__init__()
        self.earlier = earlier


def _rehearse(records: Records, promise: _Promise) -> None:
    files = tuple(file for file in promise.request.files if not isinstance(file.source, InlineSource))
    raise _Rehearsed(_accept(records, replace(promise, request=replace(promise.request, files=files))))


def _lacks_credit(available: int, price: int) -> Refusal:
    return Refusal(
        Code.NO_CREDIT,
        f"the task costs {price} credits, {available} are left",
        suggestion=f"The task costs {price} credits and {available} are left: ask the operator for more.",
    )


def _too_many() -> Refusal:
    return Refusal(
        Code.TOO_MANY_TASKS,
        "the account has as many tasks queued or running as it may",
        suggestion=f"Wait until one is done, or for {RETRY_AFTER_S} seconds (`Retry-After`), and try again.",
        retry_after_s=RETRY_AFTER_S,
    )
