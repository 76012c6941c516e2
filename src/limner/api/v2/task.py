"""A task as the v2 wire shows it."""

from typing import Any

from limner.application.read import Seen
from limner.domain.progress import progress, seconds_left
from limner.domain.task import Result, Status, Task
from limner.ports.links import Links

IMAGE = "generated_image"


def task_body(seen: Seen, account_tag: str, links: Links, now_ms: int) -> dict[str, Any]:
    """Every field that any generation of clients reads. `output` has one address and no more: clients take them all."""
    task = seen.task
    url = links.picture(account_tag, task.id, task.result.extension, now_ms) if task.result else None
    body: dict[str, Any] = {
        "task_id": task.id,
        "type": task.type,
        "status": task.status,
        "input": task.echo,
        "output": {IMAGE: url} if url else {},
        "progress": _progress(task, now_ms),
        "create_time": task.created_ms // 1000,
        "queuing_num": seen.ahead if seen.ahead is not None else -1,
        "running_left_time": _left(task, now_ms),
        "consumed_credit": task.consumed,
        "result": _mirror(task.result, url),
    }
    if prompt := task.echo.get("prompt"):
        body["prompt"] = prompt
    if url:
        body["thumbnail"] = url
    if task.error_code is not None:
        body["error_code"] = task.error_code
    if task.error_msg is not None:
        body["error_msg"] = task.error_msg
    if task.served_by:
        body["served_by"] = task.served_by
    return body


def _mirror(result: Result | None, url: str | None) -> dict[str, Any]:
    """The older form of `output`, which several clients still read."""
    return {IMAGE: {"type": result.extension, "url": url}} if result and url else {}


def _progress(task: Task, now_ms: int) -> int:
    match task.status:
        case Status.QUEUED:
            return 0
        case Status.RUNNING:
            return progress(task.progress, _elapsed_ms(task, now_ms), task.expected_ms)
        case _:
            return 100


def _left(task: Task, now_ms: int) -> int:
    return seconds_left(_elapsed_ms(task, now_ms), task.expected_ms) if task.status is Status.RUNNING else -1


def _elapsed_ms(task: Task, now_ms: int) -> int:
    return now_ms - (task.started_ms or now_ms)
