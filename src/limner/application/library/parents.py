"""Finds which of an account's own tasks the references of a new task come from."""

import re
from collections.abc import Iterator, Sequence

from limner.application.read import own_task
from limner.db.records import Records
from limner.db.tables.tasks import TaskInput
from limner.domain.ids import AccountId, TaskId
from limner.domain.refusal import Refusal
from limner.domain.tasks.request import ImageRequest, TaskSource, UrlSource

_OUR_LINK = re.compile(r"/files/[^/?]+/([0-9a-f-]{36})/")


def record_parents(
    records: Records, account: AccountId, task: TaskId, request: ImageRequest, inputs: Sequence[TaskInput]
) -> None:
    """A reference comes from a task that it names, whose link it gives, or whose picture has the same bytes."""
    if request.original:
        records.lineage.add(task, {"original_task_id": request.original})
    elif inputs:
        records.lineage.add(task, dict(_parents(records, account, request, inputs)))


def _parents(
    records: Records, account: AccountId, request: ImageRequest, inputs: Sequence[TaskInput]
) -> Iterator[tuple[str, TaskId]]:
    for file, row in zip(request.inputs, inputs, strict=True):
        match file.source:
            case TaskSource(parent):
                yield file.field, parent
            case UrlSource(url):
                if (linked := _OUR_LINK.search(url)) and _is_own(records, account, TaskId(linked[1])):
                    yield file.field, TaskId(linked[1])
            case _:
                if row.blob and (maker := records.lineage.maker_of(account, row.blob)):
                    yield file.field, maker


def _is_own(records: Records, account: AccountId, task: TaskId) -> bool:
    try:
        own_task(records, account, task)
    except Refusal:
        return False
    return True
