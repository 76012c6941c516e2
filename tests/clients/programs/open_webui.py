"""Open WebUI's own image router, unchanged, with stand-ins for its database, authentication and configuration.

The router lies in the folder `ROUTER` as it was published. Stand-ins:

| module | what the stand-in does |
|---|---|
| `open_webui.config`, `open_webui.env` | the published defaults of the constants that the router reads |
| `open_webui.models.config` | the settings that an administrator types, from `SETTINGS` |
| `open_webui.models.chats`, `open_webui.internal.db`, `open_webui.events` | no chat, no database, no events |
| `open_webui.utils.auth`, `open_webui.utils.access_control` | everybody is an administrator |
| `open_webui.utils.headers` | user headers are off, as by default |
| `open_webui.utils.json_codec`, `open_webui.utils.session_pool` | the standard library's json, one aiohttp session |
| `open_webui.retrieval.web.utils` | private addresses are refused, as by default |
| `open_webui.routers.files` | files are written to a folder |

Arguments: a picture, and the folder for what is made. Sends the requests in `REQUESTS`, method, path and body each, and
prints their answers as JSON.
"""

import asyncio
import base64
import json
import os
import re
import sys
import types
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx
from fastapi import FastAPI

PICTURE, FOLDER = map(Path, sys.argv[1:3])
SETTINGS: dict[str, Any] = json.loads(os.environ["SETTINGS"])
USER = SimpleNamespace(id="u", role="admin")


def stand_in(name: str, **content: Any) -> None:
    """A module of this name, with these names in it."""
    for parent in [name[: place.start()] for place in re.finditer(r"\.", name)]:
        package = sys.modules.setdefault(parent, types.ModuleType(parent))
        package.__path__ = [str(Path(os.environ["ROUTER"], *parent.split(".")))]
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module


class Config:
    @staticmethod
    async def get_many(*names: str) -> dict[str, Any]:
        return {name: SETTINGS.get(name) for name in names}

    @staticmethod
    async def upsert(values: dict[str, Any]) -> None:
        SETTINGS.update(values)


class Sessions:
    """One session of the event loop."""

    session: aiohttp.ClientSession | None = None

    @classmethod
    async def get(cls) -> aiohttp.ClientSession:
        cls.session = cls.session or aiohttp.ClientSession()
        return cls.session


def refuse_private(url: str) -> None:
    if re.match(r"https?://(127\.|localhost|10\.|192\.168\.)", url):
        raise ValueError("the address is private")


async def write_file(_request: Any, file: Any, metadata: dict[str, Any], **_rest: Any) -> Any:
    name = f"{len(list(FOLDER.glob('made-*')))}{Path(file.filename).suffix}"
    (FOLDER / f"made-{name}").write_bytes(await file.read())
    return SimpleNamespace(id=name, meta={"name": name, "content_type": metadata and "image"}, filename=name)


async def nothing(*_arguments: Any, **_named: Any) -> None:
    return None


async def somebody() -> Any:
    return USER


class Events(Enum):
    IMAGE_GENERATED = IMAGE_EDITED = CONFIG_UPDATED = "event"


class Messages:
    """The one message that tests look at keeps its text."""

    ACCESS_PROHIBITED = INVALID_URL = "refused"
    INCORRECT_FORMAT = staticmethod(str)

    @staticmethod
    def DEFAULT(error: object = "", _fallback: str = "") -> str:  # noqa: N802 - its name there
        return str(error)


async def allowed(*_arguments: Any) -> bool:
    return True


stand_in(
    "open_webui.config",
    CACHE_DIR=FOLDER / "cache",
    ENABLE_OPENAI_IMAGE_EDIT_NORMALIZATION=True,
    IMAGE_AUTO_SIZE_MODELS_REGEX_PATTERN="^gpt-image",
    IMAGE_URL_RESPONSE_MODELS_REGEX_PATTERN="^gpt-image",
)
stand_in("open_webui.constants", ERROR_MESSAGES=Messages)
stand_in(
    "open_webui.env",
    AIOHTTP_CLIENT_ALLOW_REDIRECTS=False,
    AIOHTTP_CLIENT_SESSION_SSL=True,
    ENABLE_FORWARD_USER_INFO_HEADERS=False,
)
stand_in("open_webui.events", EVENTS=Events, publish_event=nothing)
stand_in("open_webui.internal.db", get_async_session=nothing)
stand_in("open_webui.models.chats", Chats=SimpleNamespace(insert_chat_files=nothing))
stand_in("open_webui.models.config", Config=Config)
stand_in("open_webui.retrieval.web.utils", get_ssrf_safe_session=aiohttp.ClientSession, validate_url=refuse_private)
stand_in("open_webui.routers.files", get_file_content_by_id=nothing, upload_file_handler=write_file)
stand_in("open_webui.utils.access_control", has_permission=allowed)
stand_in("open_webui.utils.auth", get_admin_user=somebody, get_verified_user=somebody)
stand_in("open_webui.utils.headers", include_user_info_headers=lambda headers, _user: headers)
stand_in("open_webui.utils.json_codec", JSONCodec=json)
stand_in("open_webui.utils.session_pool", get_session=Sessions.get)

from open_webui.routers.images import router  # type: ignore[import-not-found] # noqa: E402 - needs the stand-ins


def application() -> FastAPI:
    app = FastAPI()
    app.include_router(router, prefix="/images")

    @app.get("/files/{id}", name="get_file_content_by_id")
    async def _file(id: str) -> str:  # noqa: A002 - its name there
        return id

    return app


async def main() -> None:
    picture = "data:image/png;base64," + base64.b64encode(PICTURE.read_bytes()).decode()
    answers = []
    transport = httpx.ASGITransport(application())
    async with httpx.AsyncClient(transport=transport, base_url="http://open-webui") as client:
        for method, path, body in json.loads(os.environ["REQUESTS"].replace("PICTURE", picture)):
            answer = await client.request(method, path, json=body)
            answers.append([answer.status_code, answer.json()])
    if Sessions.session:
        await Sessions.session.close()
    made = sorted(str(each) for each in FOLDER.glob("made-*"))
    sys.stdout.write(json.dumps({"answers": answers, "made": made}))


asyncio.run(main())
