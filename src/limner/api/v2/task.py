"""A task as JSON of the v2 API."""

from dataclasses import asdict
from typing import Any

from limner.api.tripo.task_fields import partial_images
from limner.application.read import TaskView
from limner.domain.tasks.progress import displayed_progress, elapsed_ms, seconds_left
from limner.domain.tasks.task import Status, Task
from limner.ports.links import Links

IMAGE = "generated_image"
IMAGES = "generated_images"
MULTIVIEW = "generate_multiview_image"


def task_body(seen: TaskView, account_tag: str, links: Links, now_ms: int) -> dict[str, Any]:
    """All fields that clients read. `output` holds final pictures only: clients download every URL in it."""
    task = seen.task
    urls = _urls(task, account_tag, links, now_ms)
    body: dict[str, Any] = {
        "task_id": task.id,
        "type": task.type,
        "status": task.status,
        "input": task.echo,
        "output": _output(task, urls),
        "progress": displayed_progress(task, now_ms),
        "create_time": task.created_ms // 1000,
        "queuing_num": seen.ahead if seen.ahead is not None else -1,
        "running_left_time": _left(task, now_ms),
        "consumed_credit": task.consumed,
        "result": _mirror(task, urls),
    }
    if prompt := task.echo.get("prompt"):
        body["prompt"] = prompt
    if urls:
        body["thumbnail"] = next(iter(urls.values()))
    return body | _present(
        output_removed_time=None if task.removed_ms is None else task.removed_ms // 1000,
        kept=task.kept or None,
        erase_time=None if task.erase_due_ms is None else task.erase_due_ms // 1000,
        error_code=task.error_code,
        error_msg=task.error_msg,
        partial_images=partial_images(task, account_tag, links, now_ms) or None,
        ignored=[asdict(each) for each in task.ignored] or None,
        served_by=task.served_by or None,
    )


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _urls(task: Task, account_tag: str, links: Links, now_ms: int) -> dict[str, str]:
    """Signed URLs of the pictures by name."""
    pictures = task.result.pictures() if task.result else {}
    return {
        name: links.picture(account_tag, task.id, each.extension, now_ms, name=name) for name, each in pictures.items()
    }


def _output(task: Task, urls: dict[str, str]) -> dict[str, Any]:
    if urls and task.pictures > 1:
        return {IMAGE: urls[IMAGE], IMAGES: list(urls.values())}
    if not urls or IMAGE in urls:
        return dict(urls)
    return {MULTIVIEW: {f"{name}_url": url for name, url in urls.items()}}


def _mirror(task: Task, urls: dict[str, str]) -> dict[str, Any]:
    """`result`, the older form of `output` that some clients still read."""
    if not task.result or IMAGE not in urls:
        return _output(task, urls)
    images = [{"type": each.extension, "url": urls[name]} for name, each in task.result.pictures().items()]
    return {IMAGE: images[0]} | ({IMAGES: images} if task.pictures > 1 else {})


def _left(task: Task, now_ms: int) -> int:
    return seconds_left(elapsed_ms(task, now_ms), task.expected_ms) if task.status is Status.RUNNING else -1
