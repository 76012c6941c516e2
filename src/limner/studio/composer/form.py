"""What the composer's form says: the request that it makes."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from starlette.datastructures import FormData

from limner.api.http.bodies.json_body import validated
from limner.api.v2.wire import read_task
from limner.api.v3.wire import FileReference
from limner.application.read import TaskView
from limner.domain.prompts.template import SKETCH_TO_RENDER, T_POSE
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.request import ImageRequest, TaskType

OPTIONS = ("aspect_ratio", "size", "quality", "background", "partial_images")
"""Fields of a task that only some models obey."""


def body_of(form: FormData) -> dict[str, Any]:
    """The body of `POST /task` for the composer's form."""
    text = {name: str(form.get(name, "")).strip() for name in ("prompt", "template", "model")}
    files = [_reference(str(each)) for each in form.getlist("reference")]
    chosen: dict[str, Any] = {"type": "generate_image"}
    if text["prompt"]:
        chosen["prompt"] = text["prompt"].replace("\r\n", "\n")
    if text["template"]:
        chosen["template"] = text["template"]
    if text["model"]:
        chosen["model_version"] = text["model"]
    chosen |= {name: value for name in OPTIONS if (value := str(form.get(name, "")).strip())}
    if chosen.get("partial_images", "").isdecimal():
        chosen["partial_images"] = int(chosen["partial_images"])
    for switch in (T_POSE, SKETCH_TO_RENDER):
        if switch.name in form:
            chosen[switch.name] = True
    if (pictures := _number(str(form.get("n", "1")))) > 1:
        chosen["n"] = pictures
    return chosen | ({"files": files} if files else {})


def image_request(body: bytes) -> ImageRequest:
    """The request of a `POST /task` body whose `files` may also name tasks, as those of v3 do. Raises `Refusal`."""
    sent = orjson.loads(body)
    if sent.get("type") != TaskType.GENERATE_IMAGE:
        return read_task(body)
    named = ([sent.pop("file")] if sent.get("file") else []) + (sent.pop("files", None) or [])
    request = read_task(orjson.dumps(sent))
    files = [validated(FileReference, each).input(f"files[{place}]") for place, each in enumerate(named)]
    return replace(request, files=tuple(files))


def request_body(seen: TaskView) -> dict[str, Any]:
    """The request that made a task, as far as it can be sent again."""
    return {"type": seen.task.type} | dict(seen.task.echo)


def _reference(text: str) -> Mapping[str, Any]:
    """A reference of the form: a JSON object as the API takes it in `files`."""
    try:
        reference = json.loads(text)
    except ValueError:
        reference = None
    if not isinstance(reference, dict):
        raise Refusal(Code.INVALID, "a reference is no object", suggestion="Add the picture again.", field="reference")
    return reference


def _number(text: str) -> int:
    """How many pictures of the prompt; a number that is none counts as one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1
