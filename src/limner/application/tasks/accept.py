"""The unit of work that accepts a task: its credits are held, and it is put into the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from limner.application.budgets.budget_warnings import BudgetWarning
from limner.application.budgets.charge import charge
from limner.application.images.references import ResolveInputs
from limner.application.images.upload import KeptPicture
from limner.application.library.parents import record_parents
from limner.application.tasks.multiview import original_of, unchanged_views
from limner.db.records import Records
from limner.db.tables.idempotency import IdempotentTask
from limner.db.tables.tasks import NewTask, TaskInput
from limner.domain.accounts.credits import hold
from limner.domain.ids import TaskId
from limner.domain.model import ModelFacts
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import DEFAULT_LIMITS, ConcurrencyGroup, ImageRequest, InlineSource
from limner.domain.tasks.task import Status

RETRY_AFTER_S = 5
"""The `Retry-After` of an account that is at its limit: an image takes a few seconds."""


class IdempotencyConflict(Refusal):
    """An idempotency key was used again with another request."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key, and a digest of the request to detect another request with the same key."""

    key: str
    digest: str


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
class Acceptance:
    """What the unit of work that accepts a task needs."""

    task: NewTask
    request: ImageRequest
    model: ModelFacts
    inline: Mapping[str, KeptPicture]
    idempotency: IdempotencyKey | None
    limits: SubmitLimits
    unjudged: bool = False
    """Whether the operator's judge has still to allow it, before anything is ordered."""


@dataclass(frozen=True, slots=True)
class AcceptedTask:
    """`earlier` is the task that an idempotency key replays; `warnings` are logged once all is committed."""

    earlier: TaskId | None
    warnings: Sequence[BudgetWarning] = ()


def accept(records: Records, acceptance: Acceptance) -> AcceptedTask:
    """Write the task, or raise `Refusal`."""
    earlier = _replay(records, acceptance)
    if earlier:
        return AcceptedTask(earlier.task)
    request = acceptance.request
    task, inputs = _with_inputs(records, acceptance)
    limit = acceptance.limits.limit_of(task.concurrency_group)
    if not records.accounts.acquire_slot(task.account, task.concurrency_group, limit):
        raise _too_many_tasks()
    place, warnings = charge(records, task)
    records.ledger.append(task.account, hold(task.price), task.created_ms, task=task.id)
    records.tasks.add(replace(task, place=place), inputs)
    record_parents(records, task.account, task.id, request, inputs)
    records.prompt_index.add(task.account, task.id, task.words)
    records.events.add(task.account, task.id, Status.QUEUED, task.created_ms)
    if acceptance.unjudged:
        records.moderation.hold(task.id)
    if request.webhook_url is not None:
        _add_task_webhook(records, task, request.webhook_url)
    return AcceptedTask(None, warnings)


def _with_inputs(records: Records, acceptance: Acceptance) -> tuple[NewTask, Sequence[TaskInput]]:
    """The task with its pictures echoed as they were found, and those pictures, locked until the task is written."""
    task, model, lock = acceptance.task, acceptance.model, records.blobs.lock
    resolve = ResolveInputs(
        records, task.account, model, acceptance.inline, task.created_ms, acceptance.limits.transcode_webp, lock
    )
    inputs, echo = resolve(acceptance.request.inputs)
    if acceptance.request.original:
        original = original_of(records, task.account, acceptance.request.original, model, lock)
        inputs = list(original.inputs)
        unchanged = unchanged_views(original, [each.view for each in acceptance.request.edits])
        task = replace(task, spec=replace(task.spec, unchanged_views=unchanged))
    return replace(task, echo={**task.echo, **echo}), inputs


def _add_task_webhook(records: Records, task: NewTask, url: str) -> None:
    if records.webhooks.for_tasks(task.account) is None:
        raise Refusal(
            Code.INVALID,
            "the account has no webhook for addresses that come with tasks, so nothing could be signed",
            suggestion="Add one with `limner webhooks add --per-task`, or POST /v1/webhooks, and keep its secret.",
            field="webhook_url",
        )
    records.webhooks.set_task_url(task.id, url)


def _replay(records: Records, acceptance: Acceptance) -> IdempotentTask | None:
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


class DryRunSucceeded(Exception):
    """Rolls back a unit of work that succeeded."""

    def __init__(self, earlier: TaskId | None) -> None:
        super().__init__()
        self.earlier = earlier


def dry_run(records: Records, acceptance: Acceptance) -> None:
    request = acceptance.request
    files = tuple(file for file in request.files if not isinstance(file.source, InlineSource))
    mask = None if request.mask and isinstance(request.mask.source, InlineSource) else request.mask
    accepted = accept(records, replace(acceptance, request=replace(request, files=files, mask=mask)))
    raise DryRunSucceeded(accepted.earlier)


def _too_many_tasks() -> Refusal:
    return Refusal(
        Code.TOO_MANY_TASKS,
        "the account has as many tasks queued or running as it may",
        suggestion=f"Wait until one is done, or for {RETRY_AFTER_S} seconds (`Retry-After`), and try again.",
        retry_after_s=RETRY_AFTER_S,
    )
