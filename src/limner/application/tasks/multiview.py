"""Tasks of several images: the spec of each, the originals of edited views, and their combination into one result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from limner.application.generation.journal import KeptImage
from limner.application.read import own_task
from limner.db.records import Records
from limner.db.tables.tasks import TaskInput
from limner.domain.ids import AccountId, BlobId, TaskId
from limner.domain.model import ModelFacts
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.multiview import View
from limner.domain.tasks.request import MULTIVIEW
from limner.domain.tasks.spec import TaskSpec
from limner.domain.tasks.task import Result, Status, Task

_SHARED_FIELDS = ("provider", "model", "generative")
"""The fields of `served_by` that are the same for all images of one provider."""


@dataclass(frozen=True, slots=True)
class OriginalTask:
    """The four images of an earlier task, and the rows that make them references."""

    inputs: tuple[TaskInput, ...]
    views: Mapping[str, Result]


def original_of(
    records: Records, account: AccountId, task_id: TaskId, model: ModelFacts, has: Callable[[BlobId], bool]
) -> OriginalTask:
    """The images to edit, of which `has` says whether they are there.

    Raises `Refusal` for a task of another type or without images.
    """
    try:
        task = own_task(records, account, task_id)
    except Refusal as refusal:
        raise refusal.at("original_task_id") from None
    _check_original(task, model)
    views = task.result.views if task.result else {}
    if not views or not all(has(each.blob) for each in views.values()):
        raise _not_succeeded(f"the pictures of task {task_id!r} were removed", "Create a new multiview task.")
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


def combine_results(images: Mapping[str, KeptImage], spec: TaskSpec) -> KeptImage:
    """One result of the generated images and of the original's unchanged views."""
    if "" in images:
        return images[""]
    if spec.n > 1:
        first, *more = [each.result for each in images.values()]
        result = replace(first, more=tuple(more))
        return KeptImage(result, _served_by(dict(zip(result.pictures(), images.values(), strict=True)), "images"))
    generated = {part: each.result for part, each in images.items()}
    views = {view.value: ({**spec.unchanged_views} | generated)[view] for view in View}
    return KeptImage(replace(views[View.FRONT], views=views), _served_by(images, "views"))


def _served_by(images: Mapping[str, KeptImage], kind: str) -> Mapping[str, Any]:
    """The provider of the first image; where another provider made some of them, that of each."""
    first, *_ = images.values()
    served_by = {**first.served_by, "pictures": len(images)}
    providers = {part: {name: each.served_by.get(name) for name in _SHARED_FIELDS} for part, each in images.items()}
    one, *others = providers.values()
    return served_by if all(each == one for each in others) else served_by | {kind: providers}


def unchanged_views(original: OriginalTask, edited: Sequence[str]) -> Mapping[str, Result]:
    """The original's views that are not edited."""
    return {view: result for view, result in original.views.items() if view not in edited}
