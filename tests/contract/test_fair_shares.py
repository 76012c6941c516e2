"""Whatever way a picture comes, decoding it is charged to the account that sent it."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.types import ASGIApp, Message

from contract.client import PICTURE, multipart
from limner.asgi import application
from limner.bootstrap import opened, prepare_data
from limner.db.tables.keys import Key
from limner.intake.image_intake import ImageIntake
from limner.ports.acting_account import current_account
from limner.ports.intake import Inspected, Normalised
from limner.settings import Settings


@dataclass
class RecordingIntake(ImageIntake):
    accounts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def inspect(self, source: Path) -> Inspected:
        self.accounts.append(current_account())
        return await super().inspect(source)

    async def normalise(self, source: Path, target: Path) -> Normalised:
        self.accounts.append(current_account())
        return await super().normalise(source, target)


@dataclass
class Service:
    limner: Any
    intake: RecordingIntake
    key: Key
    secret: str
    app: ASGIApp
    sent_for: list[str] = field(default_factory=list)
    """The account that each message of an answer was charged to."""

    async def sends(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str] | None = None, *, auth: bool = True
    ) -> Any:
        """The content of an answer that has to be a success."""
        parts, sent = urlsplit(url), {"host": "limner", "content-length": str(len(body)), **dict(headers or {})}
        if auth:
            sent["authorization"] = f"Bearer {self.secret}"
        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "asgi": {"version": "3.0", "spec_version": "2.4"},
        }
        messages: list[Message] = []

        coming = iter([{"type": "http.request", "body": body}])

        async def receive() -> Message:
            if (message := next(coming, None)) is None:
                await asyncio.Event().wait()  # the client stays
            return message

        async def send(message: Message) -> None:
            messages.append(message)
            self.sent_for.append(current_account())

        await asyncio.create_task(self.app(scope, receive, send))
        content = b"".join(message.get("body", b"") for message in messages[1:])
        assert messages[0]["status"] in {200, 202}, content
        return json.loads(content) if content.startswith(b"{") else None

    async def opens(self, path: str, token: str) -> None:
        """A WebSocket that its client closes once it is accepted."""
        scope = {"type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "subprotocols": []}
        headers = {"host": "limner", "authorization": f"Bearer {token}"}
        scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]
        coming = iter([{"type": "websocket.connect"}])

        async def receive() -> Message:
            return next(coming, {"type": "websocket.disconnect", "code": 1000})

        async def send(message: Message) -> None:
            assert message["type"] == "websocket.accept", message
            self.sent_for.append(current_account())

        await asyncio.create_task(self.app(scope, receive, send))


async def by_form(service: Service) -> None:
    body, headers = multipart([("file", "a.png", PICTURE)])
    await service.sends("POST", "/v2/openapi/upload", body, headers)


async def inside_a_task(service: Service) -> None:
    await service.sends("POST", "/v2/openapi/task", TASK)


async def by_link(service: Service) -> None:
    await service.sends("PUT", service.limner.presign(service.key).url, PICTURE, auth=False)


async def as_object(service: Service) -> None:
    made = service.limner.issue_credentials(service.key, "image/png")
    request = AWSRequest("PUT", f"http://limner/{made.bucket}/{made.object_key}")
    credentials = Credentials(made.access_key, made.secret_key, made.session_token)
    S3SigV4QueryAuth(credentials, "s3", "us-east-1", 3600).add_auth(request)
    await service.sends("PUT", request.url, PICTURE, auth=False)


async def in_a_task_that_runs(service: Service) -> None:
    created = await service.sends("POST", "/v2/openapi/task", TASK)
    service.intake.accounts.clear()
    worker = service.limner.worker()
    worker.start()
    while not (await service.limner.read(None, created["data"]["task_id"])).task.status.final:
        await service.limner.clock.sleep(0.02)
    await worker.stop()


TASK = json.dumps(
    {"type": "generate_image", "prompt": "a fox", "file": {"data": base64.b64encode(PICTURE).decode()}}
).encode()


@pytest.mark.parametrize("way", [by_form, inside_a_task, by_link, as_object, in_a_task_that_runs])
def test_decoding_is_charged_to_the_account_that_sent_the_picture(
    tmp_path: Path, way: Callable[[Service], Awaitable[None]]
) -> None:
    settings = Settings(data=tmp_path / "data", engine="sandbox", log_level="warning")
    prepare_data(settings)

    accounts, key = asyncio.run(accounts_charged(settings, way))

    assert set(accounts) == {key.account}


async def accounts_charged(settings: Settings, way: Callable[[Service], Awaitable[None]]) -> tuple[list[str], Key]:
    async with opened(settings) as plain:
        limner = replace(plain, intake=RecordingIntake())
        account = await limner.accounts.create("ada", 100)
        made = await limner.accounts.create_key(account.name, "key", ("generate", "read"))
        await way(Service(limner, limner.intake, made.key, made.secret, application(limner, worker=None)))
        await limner.intake.close()
        return limner.intake.accounts, made.key


async def as_picture(service: Service) -> None:
    await in_a_task_that_runs(service)
    listed = await service.sends("GET", "/v2/openapi/tasks", b"")
    service.sent_for.clear()
    await service.sends("GET", listed["data"]["tasks"][0]["output"]["generated_image"], b"", auth=False)


async def as_watch(service: Service) -> None:
    await service.opens("/v2/openapi/task/watch/all", service.secret)


@pytest.mark.parametrize("way", [as_picture, as_watch])
def test_what_is_sent_without_a_request_to_an_api_is_charged_to_its_account(
    tmp_path: Path, way: Callable[[Service], Awaitable[None]]
) -> None:
    settings = Settings(data=tmp_path / "data", engine="sandbox", log_level="warning")
    prepare_data(settings)

    accounts, key = asyncio.run(accounts_that_are_sent_to(settings, way))

    assert set(accounts) == {key.account}


async def accounts_that_are_sent_to(
    settings: Settings, way: Callable[[Service], Awaitable[None]]
) -> tuple[list[str], Key]:
    async with opened(settings) as limner:
        account = await limner.accounts.create("ada", 100)
        made = await limner.accounts.create_key(account.name, "key", ("generate", "read"))
        service = Service(limner, RecordingIntake(), made.key, made.secret, application(limner, worker=None))
        await way(service)
        return service.sent_for, made.key
