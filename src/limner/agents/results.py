"""What agents get: a link to each picture, one small preview, and the facts as data."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mcp_types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent

from limner_client import PictureTask
from limner_client.calls import Calls

PREVIEW_SIDE = 320
"""Pixels; such a preview has at most 25 KB."""

_MEDIA_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}


def plain(facts: Mapping[str, Any], text: str | None = None) -> CallToolResult:
    """Facts as structured content, and as text for clients that show only that."""
    shown = text or json.dumps(facts, ensure_ascii=False)
    return CallToolResult(content=[TextContent(type="text", text=shown)], structured_content=dict(facts))


async def of_task(task: PictureTask, calls: Calls, *, preview: bool) -> CallToolResult:
    """A task with its pictures. One that ended without a picture is a tool error that says why."""
    facts = _facts(task)
    if task.has_ended and task.status not in {"success", "cancelled"}:
        reason = (task.error or "no reason is known").rstrip(".")
        text = f"Task {task.id} is {task.status}: {reason}. Nothing was charged. {_advice(task)}"
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=facts, is_error=True)
    content: list[ContentBlock] = [TextContent(type="text", text=_sentence(task))]
    content += [await _link(task, link, calls) for link in task.pictures]
    if preview and task.pictures:
        content += await _preview(task, calls)
    return CallToolResult(content=content, structured_content=facts)


def _facts(task: PictureTask) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "task_id": task.id,
        "status": task.status,
        "progress": task.progress,
        "model": task.model,
        "pictures": list(task.pictures),
        "credits": task.credits,
    }
    if task.error:
        facts["error"] = task.error
    return facts


def _sentence(task: PictureTask) -> str:
    if task.status == "success":
        return f"Task {task.id} is done; it cost {task.credits} credits. The links work for a day."
    if task.status == "cancelled":
        return f"Task {task.id} was cancelled; nothing was charged."
    left = f", about {task.seconds_left} s are left" if task.seconds_left else ""
    return f"Task {task.id} is {task.status} ({task.progress} %{left}). It goes on: ask again with wait_task."


def _advice(task: PictureTask) -> str:
    if task.status == "banned":
        return "Change the prompt or the pictures; the same ones will be refused again."
    if task.error_code in {2003, 2004, 2019, 2022}:
        return "Use another reference picture."
    return "Call generate_image again."


async def _link(task: PictureTask, link: str, calls: Calls) -> ResourceLink:
    parts = urlsplit(link)
    name = parts.path.rpartition("/")[2]
    media_type = _MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "image/png")
    seen = await calls.transport.send("HEAD", f"{parts.path}?{parts.query}", {}, None)
    size = int(seen.headers.get("content-length", 0)) if seen.status == 200 else 0
    title = f"The picture of task {task.id}"
    return ResourceLink(type="resource_link", name=name, title=title, uri=link, mime_type=media_type, size=size or None)


async def _preview(task: PictureTask, calls: Calls) -> list[ContentBlock]:
    """None where it cannot be had: the link is there anyway."""
    path = f"/thumbs/{task.id}.webp?w={PREVIEW_SIDE}"
    answer = await calls.transport.send("GET", path, calls.headers, None)
    if answer.status != 200:
        return []
    data = base64.b64encode(answer.body).decode()
    return [ImageContent(type="image", data=data, mime_type="image/webp")]
