"""Tasks of several pictures: what each shall show, where an edited one comes from, and how they become one result."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from limner.application.generation.journal import KeptImage
from limner.application.read import own_task
from limner.db.records import Records
from limner.db.tables.tasks import TaskInput
from limner.domain.ids import AccountId, TaskId
from limner.domain.model import ModelFacts
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.multiview import View
from limner.domain.tasks.request import MULTIVIEW
from limner.domain.tasks.task import Result, Status, Task

_MAKER = ("provider", "model", "generative")
"""What `served_by` says of a picture's maker; the rest is about the one picture."""


@dataclass(frozen=True, slots=True)
class PictureSpec:
    """One picture of a task: which part it is, its words, and which of the task's references it is drawn from.

    A task of one picture has one shot, without a name, drawn from all of them. `wish` is what the caller wrote himself,
    where `prompt` says more.
    """

    part: str
    prompt: str
    reference: int | None = None
    wish: str | None = None


def picture_specs(order: Mapping[str, Any]) -> tuple[PictureSpec, ...]:
    """The pictures that a task's order asks for."""
    views = order.get("views")
    if not views:
        return (PictureSpec("", order["prompt"]),)
    return tuple(PictureSpec(**each) for each in views)


@dataclass(frozen=True, slots=True)
class OriginalTask:
    """The four pictures of an earlier task: rows that hold them as references, and what they are."""

    inputs: tuple[TaskInput, ...]
    views: Mapping[str, Result]


def original_of(records: Records, account: AccountId, task_id: TaskId, model: ModelFacts) -> OriginalTask:
    """The pictures that shall be edited. Raises `Refusal` when the task is no such task, or has none."""
    try:
        task = own_task(records, account, task_id)
    except Refusal as refusal:
        raise refusal.at("original_task_id") from None
    _check_original(task, model)
    views = task.result.views if task.result else {}
    if not views or not all(records.blobs.lock(each.blob) for each in views.values()):
        raise _not_succeeded(f"the pictures of task {task_id!r} were removed", "Make the views anew.")
    inputs = tuple(
        TaskInput(number, f"original_task_id.{view}", None, views[view].blob) for number, view in enumerate(View)
    )
    return OriginalTask(inputs, views)


def _check_original(task: Task, model: ModelFacts) -> None:
    if task.type not in MULTIVIEW:
        raise Refusal(
            Code.ORIGINAL_TYPE_UNSUPPORTED,
            f"task {task.id!r} is a {task.type}",
            suggestion=f"Name a task of type {' or '.join(sorted(MULTIVIEW))}.",
            field="original_task_id",
        )
    if task.status is not Status.SUCCESS:
        remedy = "Name a task that has succeeded." if task.status.final else "Wait until it has succeeded."
        raise _not_succeeded(f"task {task.id!r} is {task.status}", remedy)
    formats = {each.media_type for each in task.result.views.values()} if task.result else set()
    if not formats <= model.accepts:
        raise Refusal(
            Code.IMAGE_TYPE_UNSUPPORTED,
            f"{model.name} takes no {', '.join(sorted(formats - model.accepts))}, as the pictures of this task are",
            suggestion="Choose another model_version.",
            field="model_version",
        )


def _not_succeeded(reason: str, remedy: str) -> Refusal:
    return Refusal(Code.ORIGINAL_NOT_SUCCEEDED, reason, suggestion=remedy, field="original_task_id")


def combine_results(kept: Mapping[str, KeptImage], order: Mapping[str, Any]) -> KeptImage:
    """One result of the pictures that were made, and of those of the original that stay as they were."""
    made = {part: each.result for part, each in kept.items()}
    if set(made) == {""}:
        return kept[""]
    stayed = {view: Result.of(facts) for view, facts in order.get("stays", {}).items()}
    views = {view.value: (stayed | made)[view] for view in View}
    return KeptImage(replace(views[View.FRONT], views=views), _served_by(kept))


def _served_by(kept: Mapping[str, KeptImage]) -> Mapping[str, Any]:
    """Who made the first of the pictures; where the others are somebody else's, who made which."""
    first, *_ = kept.values()
    served_by = {**first.served_by, "pictures": len(kept)}
    makers = {part: {name: each.served_by.get(name) for name in _MAKER} for part, each in kept.items()}
    one, *others = makers.values()
    alike = all(each == one for each in others)
    return served_by if alike else served_by | {"views": makers}


def unchanged_views(original: OriginalTask, changed: Sequence[str]) -> dict[str, Any]:
    """The views that are not edited, as an order keeps them."""
    return {view: asdict(result) for view, result in original.views.items() if view not in changed}
