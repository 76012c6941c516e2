"""The event loop reads no large body: whoever else is served would wait for it."""

import asyncio
import base64
import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image

from contract.client import multipart
from contract.test_fair_shares import RecordingIntake, Service
from limner.api.http.bodies.json_body import LARGE_BODY
from limner.asgi import application
from limner.bootstrap import opened, prepare_data
from limner.settings import Settings

PADDING = "x" * (2 * LARGE_BODY)
READERS = [(hashlib, "sha256"), (orjson, "loads"), (base64, "b64decode"), (base64, "b64encode")]


def noise() -> bytes:
    """A picture that does not get small."""
    file = io.BytesIO()
    Image.frombytes("RGB", (400, 400), os.urandom(400 * 400 * 3)).save(file, "PNG")
    assert len(file.getvalue()) > LARGE_BODY
    return file.getvalue()


PICTURE = noise()
IN_JSON = base64.b64encode(PICTURE).decode()
TEMPLATE = {"title": "T", "summary": "S", "text": "In oil.", "before": {"data": IN_JSON}}
EDIT, EDIT_HEADERS = multipart([("image", "a.png", PICTURE), ("prompt", None, b"a fox"), ("async", None, b"true")])
AS_JSON = {"content-type": "application/json"}


def as_json(body: dict[str, Any], **headers: str) -> tuple[bytes, dict[str, str]]:
    return json.dumps(body).encode(), AS_JSON | headers


TASK = {"type": "generate_image", "prompt": "a fox", "file": {"type": "png", "data": IN_JSON}}
CALLS = {
    "v2 task": ("POST", "/v2/openapi/task", *as_json(TASK, **{"idempotency-key": "1"})),
    "v2 quote": ("POST", "/v2/openapi/task/quote", *as_json(TASK)),
    "v3 task": (
        "POST",
        "/v3/generation/text-to-image",
        *as_json({"prompt": "a fox", "padding": PADDING}, **{"idempotency-key": "2"}),
    ),
    "openai generations": (
        "POST",
        "/v1/images/generations",
        *as_json({"prompt": "a fox", "async": True, "padding": PADDING}),
    ),
    "openai edits": ("POST", "/v1/images/edits", EDIT, EDIT_HEADERS),
    "txt2img": ("POST", "/sdapi/v1/txt2img", *as_json({"prompt": "a fox", "padding": PADDING})),
    "img2img": ("POST", "/sdapi/v1/img2img", *as_json({"prompt": "a fox", "init_images": [IN_JSON]})),
    "template": ("PUT", "/v1/templates/mine", *as_json(TEMPLATE)),
}


@pytest.fixture
def read_by_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the main thread, which is the loop's, did with large bodies."""
    found: list[str] = []
    for module, name in READERS:
        monkeypatch.setattr(module, name, watched(name, getattr(module, name), found))
    return found  # type: ignore[return-value]


def watched(name: str, real: Callable[..., Any], found: list[str]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if args and len(args[0]) > LARGE_BODY and threading.current_thread() is threading.main_thread():
            found.append(name)
        return real(*args, **kwargs)

    return call


@pytest.mark.parametrize("call", CALLS)
def test_a_large_body_is_read_in_a_thread(tmp_path: Path, call: str, read_by_loop: list[str]) -> None:
    settings = Settings(data=tmp_path / "data", engine="sandbox", a1111=True, log_level="warning")
    prepare_data(settings)

    asyncio.run(make(settings, *CALLS[call]))

    assert read_by_loop == []


async def make(settings: Settings, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
    """Make a call, and wait for its answer or for the task of one that is answered at its task's end."""
    async with opened(settings) as limner:
        account = await limner.accounts.create("ada", 100)
        made = await limner.accounts.create_key(account.name, "key", ("generate", "read"))
        service = Service(limner, RecordingIntake(), made.key, made.secret, application(limner, worker=None))
        calling = asyncio.create_task(service.sends(method, path, body, headers))
        while not calling.done():
            if (await service.sends("GET", "/v2/openapi/tasks", b""))["data"]["tasks"]:
                break
            await limner.clock.sleep(0.02)
        if calling.done():
            await calling
        calling.cancel()
        await asyncio.wait([calling])
