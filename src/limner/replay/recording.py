"""Recorded calls: a HAR file as browsers and proxies write it, or JSON lines written by hand."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_OF_THE_CONNECTION = frozenset(
    {
        "host",
        "content-length",
        "connection",
        "accept-encoding",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
    }
)
_SECRET = re.compile(r"auth|cookie|token|secret|api-?key|credential|signature", re.IGNORECASE)
"""What the name of a header says that is for the recorded server alone."""

_SIGNED = re.compile(r"([?&][^=&]*(?:sig|key|token|secret|credential|policy)[^=&]*=)[^&]*", re.IGNORECASE)


class BadRecording(ValueError):
    """A file that holds no calls; the message says where it stops making sense."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One recorded call. `url` is as it was recorded; `shape` is the JSON that was answered, None where none was.

    `foreign` calls went to another host than most: to a storage, to a delivery network.
    """

    number: int
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    status: int | None = None
    shape: Any = None
    foreign: bool = False

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def shown(self) -> str:
        """The path, without what opens it."""
        return _SIGNED.sub(r"\1…", self.path)


def read_recording(file: Path) -> list[RecordedCall]:
    """The calls of a file, in their order. Raises `BadRecording`, and `OSError`."""
    text = file.read_text(encoding="utf-8-sig")
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    is_har = isinstance(whole, dict) and "log" in whole
    calls = list(_of_har(whole) if is_har else _of_lines(text))
    if not calls:
        raise BadRecording(f"{file} holds no calls; see the page about migrating for both formats")
    return calls


def _of_lines(text: str) -> Iterator[RecordedCall]:
    number = 0
    for line_number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        number += 1
        try:
            told = json.loads(line)
            expected = told.get("expect", {})
            body = told.get("body")
            yield RecordedCall(
                number,
                told["method"].upper(),
                told["path"].strip(),
                {"Content-Type": "application/json"} if body is not None else {},
                json.dumps(body).encode() if body is not None else b"",
                expected.get("status"),
                expected.get("shape"),
            )
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise BadRecording(
                f'line {line_number} is no call ({error}): write {{"method": …, "path": …, "body": …, '
                '"expect": {"status": …, "shape": …}}'
            ) from None


def _of_har(har: Mapping[str, Any]) -> Iterator[RecordedCall]:
    try:
        entries = har["log"]["entries"]
        hosts = Counter(urlsplit(entry["request"]["url"]).netloc for entry in entries)
        home = max(hosts, key=lambda host: hosts[host], default="")
        for number, entry in enumerate(entries, 1):
            yield _of_entry(number, entry, home)
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise BadRecording(f"this HAR file lacks what calls are made of: {error}") from None


def _of_entry(number: int, entry: Mapping[str, Any], home: str) -> RecordedCall:
    request, response = entry["request"], entry["response"]
    headers = {each["name"]: each["value"] for each in request.get("headers", ())}
    return RecordedCall(
        number,
        request["method"].upper(),
        request["url"],
        {name: value for name, value in headers.items() if _is_the_client_s(name)},
        _posted(request.get("postData") or {}),
        int(response["status"]) or None,
        _json_in(response.get("content") or {}),
        foreign=urlsplit(request["url"]).netloc != home,
    )


def _is_the_client_s(header: str) -> bool:
    return not (header.lower() in _OF_THE_CONNECTION or header.startswith(":") or _SECRET.search(header))


def _posted(data: Mapping[str, Any]) -> bytes:
    text = str(data.get("text") or "")
    return base64.b64decode(text) if data.get("encoding") == "base64" else text.encode("utf-8", "surrogateescape")


def _json_in(content: Mapping[str, Any]) -> Any:
    text = str(content.get("text") or "")
    if content.get("encoding") == "base64":
        text = base64.b64decode(text).decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return None
