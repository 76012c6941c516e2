"""Plain HTTP client of the v3 API."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contract import client as v2
from contract.client import PICTURE, Client, multipart
from serving import Served

BASE = "/v3"


class V3Answer(v2.Answer):
    @property
    def data(self) -> Any:
        """What a success brought."""
        assert set(self.json) == {"code", "status", "data"}, self.body
        assert (self.status, self.json["code"], self.json["status"]) == (200, 0, "success"), self.body
        return self.json["data"]

    @property
    def refusal(self) -> tuple[int, int]:
        """The HTTP status and the code of a refusal, whose envelope has to be complete."""
        assert set(self.json) == {"code", "status", "message", "suggestion", "request_id"}, self.body
        assert self.json["status"] == "error"
        assert self.json["request_id"] == self.headers["X-Request-ID"] == self.headers["X-Tripo-Trace-ID"]
        return self.status, self.json["code"]


@dataclass(frozen=True)
class V3Client(Client):
    """One caller."""

    @property
    def v2(self) -> Client:
        """The same caller on the v2 API."""
        return Client(**asdict(self))

    def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, *, auth: bool = True
    ) -> V3Answer:
        return V3Answer(**vars(super().call(method, path, body, headers, auth=auth)))

    def get(self, path: str, headers: Mapping[str, str] | None = None, *, auth: bool = True) -> V3Answer:
        return self.call("GET", path, None, headers, auth=auth)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> V3Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", BASE + path, raw, {"Content-Type": "application/json"} | dict(headers or {}))

    def create(self, headers: Mapping[str, str] | None = None, **fields: Any) -> V3Answer:
        """Make a picture from words; from pictures when `input`, `inputs`, `file` or `files` is among the fields."""
        kind = "image-to-image" if {"input", "inputs", "file", "files"} & fields.keys() else "text-to-image"
        filled = {"prompt": "a small cat"} | fields
        sent = {name: value for name, value in filled.items() if value is not None}
        return self.post(f"/generation/{kind}", sent, headers)

    def task(self, task_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"{BASE}/tasks/{task_id}").data
        return found

    def upload(self, content: bytes, *, path: str = "/files", name: str = "input.png") -> V3Answer:
        body, headers = multipart([("file", name, content)])
        return self.call("POST", BASE + path, body, headers)

    def token(self, content: bytes = PICTURE) -> str:
        return str(self.upload(content).data["file_token"])

    def presign(self, format: str = "png") -> dict[str, Any]:  # noqa: A002 - the field's name
        link: dict[str, Any] = self.post("/files/presign", {"format": format}).data
        return link

    def put(self, url: str, content: Any = PICTURE) -> V3Answer:
        """To whoever signed the link; no key goes along."""
        return self.call("PUT", url, content, {"Content-Type": "image/png"}, auth=False)

    def balance(self) -> tuple[float, float]:
        has = self.get(f"{BASE}/account/balance").data
        return has["balance"], has["frozen"]


def on_v3(client: Client) -> V3Client:
    return V3Client(**asdict(client))


def newcomer(served: Served, *, credits: int = 1000, scopes: tuple[str, ...] = ("generate", "read")) -> V3Client:  # noqa: A002
    return on_v3(v2.newcomer(served, credits=credits, scopes=scopes))
