"""A task as JSON of the v3 API."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from limner.api.tripo.task_fields import partial_images
from limner.api.v3.errors import EXPIRED
from limner.domain.tasks.progress import displayed_progress
from limner.domain.tasks.task import Status, Task
from limner.ports.links import Links

IMAGE = "generated_image_url"
IMAGES = "generated_image_urls"
MULTIVIEW = "generate_multiview_image"


def task_body(task: Task, account_tag: str, links: Links, now_ms: int) -> dict[str, Any]:
    """Clients download every URL in `output`: it holds final pictures only."""
    body = usage_row(task) | {
        "input": task.echo,
        "output": _output(task, account_tag, links, now_ms),
        "progress": displayed_progress(task, now_ms),
    }
    if task.finished_ms is not None:
        body["completed_at"] = moment(task.finished_ms)
    if task.removed_ms is not None:
        body["output_removed_at"] = moment(task.removed_ms)
    if task.kept:
        body["kept"] = True
    if task.erase_due_ms is not None:
        body["erase_at"] = moment(task.erase_due_ms)
    if (code := _error_code(task)) is not None:
        body["error_code"] = code
    if task.error_msg is not None:
        body["error_message"] = task.error_msg
    if task.partial_images:
        body["partial_images"] = partial_images(task, account_tag, links, now_ms)
    if task.ignored:
        body["ignored"] = [asdict(each) for each in task.ignored]
    if task.served_by:
        body["served_by"] = task.served_by
    return body


def usage_row(task: Task) -> dict[str, Any]:
    """One row of the usage list."""
    return {
        "task_id": task.id,
        "type": task.type,
        "status": status_of(task.status),
        "created_at": moment(task.created_ms),
        "credits_consumed": float(task.consumed),
    }


STATUSES = (Status.QUEUED, Status.RUNNING, Status.SUCCESS, Status.FAILED, Status.CANCELLED)


def status_of(status: Status) -> Status:
    """v3 has five statuses: banned and expired tasks are failed, with an `error_code`."""
    return Status.FAILED if status in {Status.BANNED, Status.EXPIRED} else status


def moment(at_ms: int) -> str:
    """A time in ISO 8601, in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _output(task: Task, account_tag: str, links: Links, now_ms: int) -> dict[str, Any]:
    pictures = task.result.pictures() if task.result else {}
    urls = {
        f"{name}_url": links.picture(account_tag, task.id, each.extension, now_ms, name=name)
        for name, each in pictures.items()
    }
    if urls and task.pictures > 1:
        return {IMAGE: urls[IMAGE], IMAGES: list(urls.values())}
    return urls if not urls or IMAGE in urls else {MULTIVIEW: urls}


def _error_code(task: Task) -> int | None:
    return EXPIRED if task.status is Status.EXPIRED else task.error_code
