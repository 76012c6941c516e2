"""How one of the APIs speaks: its paths, its tasks and its envelope."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from limner.application.read import TaskView
from limner.db.tables.keys import Key
from limner.domain.tasks.task import Status

Described = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ApiFace:
    """`list_path` is the path of the list, `tasks_path` that of several tasks, `task_path` that of one.

    `statuses` are the API's, by name; `moment` writes a time as the API does, in fields that end in `moment_suffix`.
    `task_body` is a task as the API shows it, `success` its answer around some data. `task_schema` names the schema of
    a task, `described` makes the OpenAPI operation of a call from the schema of its data, its errors and its body.
    """

    tag: str
    prefix: str
    list_path: str
    tasks_path: str
    task_path: str
    statuses: dict[str, tuple[Status, ...]]
    moment: Callable[[int], int | str]
    moment_suffix: str
    task_body: Callable[[Key, TaskView], dict[str, Any]]
    success: Callable[[dict[str, Any]], Response]
    task_schema: str
    described: Callable[..., dict[str, Any]]
