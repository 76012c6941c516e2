"""Read recorded calls from a HAR file (written by browsers and proxies) or from JSON lines written by hand."""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_CONNECTION_HEADERS = frozenset(
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
_SECRET_HEADER = re.compile(r"auth|cookie|token|secret|api-?key|credential|signature", re.IGNORECASE)
"""Names of headers that are not replayed: they hold secrets for the recorded server."""

_SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:sig|key|token|secret|credential|policy)[^=&]*=)[^&]*", re.IGNORECASE)


class BadRecording(ValueError):
    """The file contains no readable calls. The message says where reading failed."""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One recorded call. `url` is the recorded one; `shape` is the JSON of the answer, or None.

    `foreign` calls went to another host than most calls did, such as a storage or a CDN.
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
        """The path with query, without signatures and other secrets."""
        return _SECRET_PARAMETER.sub(r"\1…", self.path)


def read_recording(file: Path) -> list[RecordedCall]:
    """The calls of a file, in order. Raises `BadRecording` and `OSError`."""
    text = file.read_text(encoding="utf-8-sig")
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    is_har = isinstance(parsed, dict) and "log" in parsed
    calls = list(_of_har(parsed) if is_har else _of_lines(text))
    if not calls:
        raise BadRecording(f"{file} contains no calls; docs/migrating.md describes both formats")
    return calls


def _of_lines(text: str) -> Iterator[RecordedCall]:
    number = 0
    for line_number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        number += 1
        try:
            record = json.loads(line)
            expected = record.get("expect", {})
            body = record.get("body")
            yield RecordedCall(
                number,
                record["method"].upper(),
                record["path"].strip(),
                {"Content-Type": "application/json"} if body is not None else {},
                json.dumps(body).encode() if body is not None else b"",
                expected.get("status"),
                expected.get("shape"),
            )
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise BadRecording(
                f'line {line_number} is not a call ({error}): write {{"method": …, "path": …, "body": …, '
                '"expect": {"status": …, "shape": …}}'
            ) from None


def _of_har(har: Mapping[str, Any]) -> Iterator[RecordedCall]:
    try:
        entries = har["log"]["entries"]
        hosts = Counter(urlsplit(entry["request"]["url"]).netloc for entry in entries)
        main_host = max(hosts, key=lambda host: hosts[host], default="")
        for number, entry in enumerate(entries, 1):
            yield _of_entry(number, entry, main_host)
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise BadRecording(f"this HAR file has no readable calls: {error}") from None


def _of_entry(number: int, entry: Mapping[str, Any], main_host: str) -> RecordedCall:
    request, response = entry["request"], entry["response"]
    headers = {each["name"]: each["value"] for each in request.get("headers", ())}
    return RecordedCall(
        number,
        request["method"].upper(),
        request["url"],
        {name: value for name, value in headers.items() if _is_replayed(name)},
        _request_body(request.get("postData") or {}),
        int(response["status"]) or None,
        _json_in(response.get("content") or {}),
        foreign=urlsplit(request["url"]).netloc != main_host,
    )


def _is_replayed(header: str) -> bool:
    return not (header.lower() in _CONNECTION_HEADERS or header.startswith(":") or _SECRET_HEADER.search(header))


def _request_body(data: Mapping[str, Any]) -> bytes:
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
