"""Plain HTTP client of the v2 API, and counts of rows and files."""

import asyncio
import http.client
import json
import sqlite3
import ssl
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from limner.application.accounts.manage import HashKey, ManageAccounts
from limner.db.open_store import SQLITE, open_store
from limner.settings import Settings
from limner.worker.clock import SystemClock
from serving import Served
from unit.intake.pictures import encoded, scene

BASE = "/v2/openapi"
PICTURE = encoded(scene((64, 48)), "PNG")
PHOTO = encoded(scene((64, 48)), "JPEG")
WEBP = encoded(scene((64, 48)), "WEBP")

FINAL = ("success", "failed", "banned", "expired", "cancelled")
TIMEOUT_S = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        """What a success brought."""
        assert (self.status, self.json["code"]) == (200, 0), self.body
        return self.json["data"]

    @property
    def refusal(self) -> tuple[int, int]:
        """The HTTP status and the code of a refusal, whose envelope has to be complete."""
        assert set(self.json) == {"code", "message", "suggestion"}, self.body
        return self.status, self.json["code"]

    @property
    def suggestion(self) -> str:
        return str(self.json["suggestion"])


@dataclass(frozen=True)
class Client:
    """One caller. Each call has a connection of its own, so that no answer leans on another."""

    url: str
    key: str | None = None
    trust: ssl.SSLContext | None = None

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, *, auth: bool = True
    ) -> Answer:
        """`path` is an absolute path or a whole URL; an iterable body is sent in chunks, without its length."""
        parts = urlsplit(path if "//" in path else f"{self.url}{path}")
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        sent = {"Authorization": f"Bearer {self.key}"} if auth and self.key else {}
        connection = self._connect(parts)
        try:
            connection.request(method, target, body, sent | dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def _connect(self, parts: SplitResult) -> http.client.HTTPConnection:
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_S, context=self.trust)
        return http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)

    def get(self, path: str, headers: Mapping[str, str] | None = None, *, auth: bool = True) -> Answer:
        return self.call("GET", path, None, headers, auth=auth)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Anything but bytes is sent as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", BASE + path, raw, {"Content-Type": "application/json"} | dict(headers or {}))

    def create(self, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
        """Post a task; `type` and `prompt` are filled in unless given. None leaves a field out."""
        filled = {"type": "generate_image", "prompt": "a small cat"} | fields
        return self.post("/task", {name: value for name, value in filled.items() if value is not None}, headers)

    def submit(self, **fields: Any) -> str:
        """The id of a task that has to be accepted."""
        return str(self.create(**fields).data["task_id"])

    def task(self, task_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"{BASE}/task/{task_id}").data
        return found

    def wait(self, task_id: str, *states: str) -> dict[str, Any]:
        """The task once it is in one of these states, by default in a final one."""
        wanted, deadline = states or FINAL, time.monotonic() + TIMEOUT_S
        while (task := self.task(task_id))["status"] not in wanted:
            assert time.monotonic() < deadline, task
            assert task["status"] not in FINAL, task
            time.sleep(0.02)
        return task

    def done(self, **fields: Any) -> dict[str, Any]:
        """A task from its creation to its end."""
        return self.wait(self.submit(**fields))

    def upload(self, content: bytes, *, path: str = "/upload", name: str = "input.png") -> Answer:
        body, headers = multipart([("file", name, content)])
        return self.call("POST", BASE + path, body, headers)

    def token(self, content: bytes = PICTURE) -> str:
        return str(self.upload(content).data["image_token"])

    def balance(self) -> tuple[int, int]:
        has = self.get(f"{BASE}/user/balance").data
        return has["balance"], has["frozen"]

    def as_(self, key: str | None) -> "Client":
        return replace(self, key=key)


def multipart(
    parts: Iterable[tuple[str, str | None, bytes]], *, boundary: str = "limner-boundary"
) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a form; a part without a file name is a plain field."""
    pieces = []
    for field, name, content in parts:
        file = f'; filename="{name}"' if name is not None else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{file}\r\n'
        kind = "Content-Type: application/octet-stream\r\n\r\n" if name is not None else "\r\n"
        pieces.append((head + kind).encode() + content + b"\r\n")
    body = b"".join(pieces) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def client_of(served: Served) -> Client:
    return Client(served.url, served.key)


def settings_of(served: Served, **chosen: Any) -> Settings:
    return Settings(data=served.data, engine="sandbox", log_level="warning", **chosen)


def newcomer(
    served: Served,
    *,
    name: str | None = None,
    credits: int = 1000,  # noqa: A002
    tasks: int | None = None,
    scopes: tuple[str, ...] = ("generate", "read"),
) -> Client:
    """A client of a fresh account, with a limit of its own if `tasks` is given. The server's database is on SQLite."""
    account = name or f"a-{uuid.uuid4().hex[:12]}"
    return Client(served.url, asyncio.run(_key_of_new_account(served.data, account, credits, tasks, scopes)))


async def _key_of_new_account(
    data: Path, account: str, opening: int, tasks: int | None, scopes: tuple[str, ...]
) -> str:
    """What the command line does, without the rest of the service: building that takes longer than most tests run."""
    store = open_store(f"{SQLITE}{data / 'limner.db'}")
    accounts = ManageAccounts(store, SystemClock(), HashKey((data / "secret").read_bytes()))
    try:
        await accounts.create(account, opening, tasks)
        return (await accounts.create_key(account, "a test", scopes)).secret
    finally:
        await store.close()


@dataclass(frozen=True)
class Footprint:
    """All that requests leave behind: rows, files, and every account's money."""

    rows: Mapping[str, int]
    money: tuple[tuple[str, int, int], ...]
    files: frozenset[str]


def footprint(served: Served) -> Footprint:
    connection = sqlite3.connect(f"file:{served.data / 'limner.db'}?mode=ro", uri=True)
    try:
        tables = ("tasks", "task_inputs", "uploads", "blobs", "ledger", "task_events", "idempotency", "attempts")
        rows = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}  # noqa: S608
        money = tuple(connection.execute("SELECT id, available, frozen FROM accounts ORDER BY id"))
    finally:
        connection.close()
    kept = (path for folder in ("blobs", "scratch") for path in (served.data / folder).rglob("*") if path.is_file())
    return Footprint(rows, money, frozenset(str(path.relative_to(served.data)) for path in kept))
