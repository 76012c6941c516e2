"""The bucket from outside: through boto3, and by requests that botocore's signer signed and a test then changed."""

import os

os.environ.setdefault("BOTO_DISABLE_CRT", "true")  # most who have boto3 have it without AWS's C library

import datetime as dt
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, BinaryIO
from unittest.mock import patch
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import boto3
from botocore import auth as botocore_auth
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from contract.client import Answer, Client

UNSIGNED = "UNSIGNED-PAYLOAD"
TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@dataclass(frozen=True)
class Bucket:
    """Credentials for one object, and the ways to use them, rightly or wrongly."""

    client: Client
    authority: str | None
    host: str
    name: str
    key: str
    token: str
    access_key: str
    secret_key: str

    @staticmethod
    def asked_for(client: Client, authority: str | None, format_: str = "png") -> "Bucket":
        made = client.post("/upload/sts/token", {"format": format_}).data
        names = ("s3_host", "resource_bucket", "resource_uri", "session_token", "sts_ak", "sts_sk")
        return Bucket(client, authority, *(made[name] for name in names))

    @property
    def object(self) -> dict[str, str]:
        """As a task names it."""
        return {"bucket": self.name, "key": self.key}

    @property
    def place(self) -> dict[str, str]:
        """As boto3 names it."""
        return {"Bucket": self.name, "Key": self.key}

    @property
    def path(self) -> str:
        return f"/{self.name}/{self.key}"

    @property
    def scheme(self) -> str:
        return urlsplit(self.client.url).scheme

    def boto3(self, **config: Any) -> Any:
        """The client that the vendor's own packages make."""
        return _session().client(
            "s3",
            endpoint_url=f"{self.scheme}://{self.host}",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            aws_session_token=self.token,
            region_name="us-east-1",
            verify=self.authority,
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def request(
        self,
        method: str = "PUT",
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        path: str | None = None,
        query: str = "",
        payload: str = UNSIGNED,
        after: Mapping[str, str] | None = None,
        at: dt.datetime | None = None,
    ) -> Answer:
        """Send what botocore signed; `after` are headers that are changed when it was."""
        target = (path or self.path) + (f"?{query}" if query else "")
        signed = self.signed(method, target, headers or {}, payload, at)
        return self.client.call(method, target, body, signed | dict(after or {}), auth=False)

    def signed(
        self, method: str, target: str, headers: Mapping[str, str], payload: str, at: dt.datetime | None = None
    ) -> dict[str, str]:
        """All headers of such a request."""
        request = AWSRequest(method, f"{self.scheme}://{self.host}{target}", dict(headers))
        credentials = Credentials(self.access_key, self.secret_key, self.token)
        with _time(at):
            _Signer(credentials, payload).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()} | {"Host": self.host}

    @contextmanager
    def connected(self) -> Iterator[tuple[socket.socket, BinaryIO]]:
        """A bare connection: what is written to it, and the file to read its answers from."""
        host, _, port = self.host.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as plain:
            context = self.client.trust or ssl.create_default_context()
            with context.wrap_socket(plain, server_hostname=host) as secure, secure.makefile("rb") as answers:
                yield secure, answers

    def but(self, **other: str) -> "Bucket":
        return replace(self, **other)


def head_of(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """A request's first lines, as they go over the wire."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode()


def framed(content: bytes, trailers: str = "", *, frame: int = 65536) -> bytes:
    """The content in `aws-chunked` frames."""
    pieces = (content[at : at + frame] for at in range(0, len(content), frame))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + f"0\r\n{trailers}\r\n".encode()


def code_of(answer: Answer) -> tuple[int, str]:
    """The status and the code of an S3 error, whose document has to be complete."""
    assert answer.headers["Content-Type"] == "application/xml", answer.body
    document = ET.fromstring(answer.body)  # noqa: S314 - our own server's
    found = {child.tag: child.text or "" for child in document}
    assert document.tag == "Error"
    assert set(found) == {"Code", "Message", "Resource", "RequestId"}
    assert found["Message"]
    assert found["RequestId"] == answer.headers["x-amz-request-id"]
    return answer.status, found["Code"]


@cache
def _session() -> boto3.session.Session:
    """One for all: reading the description of S3 takes half a second."""
    return boto3.session.Session()


class _Signer(S3SigV4Auth):
    def __init__(self, credentials: Credentials, payload: str) -> None:
        super().__init__(credentials, "s3", "us-west-2")
        self._payload = payload

    def payload(self, _request: Any) -> str:
        return self._payload


def _time(at: dt.datetime | None) -> Any:
    when = (at or dt.datetime.now(dt.UTC)).replace(tzinfo=None)
    return patch.object(botocore_auth, "get_current_datetime", lambda **_: when)
