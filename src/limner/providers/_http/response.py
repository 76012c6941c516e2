"""A vendor's response, and the failure where none came."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from multidict import CIMultiDict, CIMultiDictProxy

from limner.domain.routing.failure import Failure, FailureKind
from limner.providers._http.errors import BadResponse, NoResponse, TooLarge

_SHORTEST_KEY: Final = 8


@dataclass(frozen=True, slots=True)
class VendorResponse:
    """A vendor's response, whatever its status.

    `headers` are case-insensitive. `body` is the parsed JSON, None when there was none; of an event stream it is the
    list of the events' data. Pictures in it are `{"$file": "<path>"}` when the call named a folder for them, or
    `{"$file": b"…"}` where they are small. `text` is the beginning of the body, for error details.
    """

    status: int
    headers: Mapping[str, str]
    body: Any = None
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", CIMultiDictProxy(CIMultiDict(self.headers)))

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def without_key(response: VendorResponse, key: str) -> VendorResponse:
    """The response with our key, which some vendors repeat, replaced. Keys of under eight letters are kept."""
    secrets = [each for each in dict.fromkeys((key, quote(key, safe=""))) if len(each) >= _SHORTEST_KEY]
    if not any(
        each in response.text or each in str(response.body) or each in str(response.headers) for each in secrets
    ):
        return replace(response, text=_uncut(response.text, secrets))
    headers = {name: _without(value, secrets) for name, value in response.headers.items()}
    return VendorResponse(
        response.status, headers, _without(response.body, secrets), _uncut(_without(response.text, secrets), secrets)
    )


def _without(value: Any, secrets: list[str]) -> Any:
    match value:
        case str():
            for each in secrets:
                value = value.replace(each, "[…]")
            return value
        case dict():
            return {_without(name, secrets): _without(each, secrets) for name, each in value.items()}
        case list():
            return [_without(each, secrets) for each in value]
    return value


def _uncut(text: str, secrets: list[str]) -> str:
    """`text` without the beginning of a key at its end, where it was cut off."""
    for each in secrets:
        for size in range(len(each) - 1, _SHORTEST_KEY // 2, -1):
            if text.endswith(each[:size]):
                return text[:-size] + "[…]"
    return text


def no_response_failure(vendor: str, error: NoResponse) -> Failure:
    """The failure of a call that costs money and got no response."""
    kind = FailureKind.UNKNOWN_OUTCOME if error.sent else FailureKind.TRANSIENT
    return Failure(kind, f"{vendor} did not answer: {error.reason}", detail="no answer")


def bad_response_failure(vendor: str, error: BadResponse, *, charged: bool = True) -> Failure:
    """The failure of a call that returns the picture and got an unusable response."""
    kind = FailureKind.UNSUPPORTED_OUTPUT if isinstance(error, TooLarge) else FailureKind.BAD_OUTPUT
    return Failure(kind, f"{vendor}'s answer {error.reason}", charged=charged)


def link_or_picture(value: Any) -> str | Path | bytes | None:
    """What a vendor gave for a picture: a link, or what took the place of a data URL. None: neither."""
    return value if isinstance(value, str) and value else picture_in(value)


def picture_in(value: Any) -> Path | bytes | None:
    """What took a picture's place in a response: the file that it was written to, or its bytes where it is small."""
    match value:
        case {"$file": str(path), **rest} if not rest:
            return Path(path)
        case {"$file": bytes(content), **rest} if not rest:
            return content
    return None
