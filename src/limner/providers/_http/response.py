"""What a vendor said, and the ways of saying nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from multidict import CIMultiDict, CIMultiDictProxy

from limner.domain.routing.failure import Failure, FailureKind

_SHORTEST_KEY: Final = 8


@dataclass(frozen=True, slots=True)
class VendorResponse:
    """A vendor's answer, whatever its status.

    `headers` are found in any spelling of their names. `body` is the parsed JSON, None when there was none; of an
    event stream it is the list of the events' data. Pictures in it are `{"$file": "<path>"}` when the call named a
    folder for them. `text` is the beginning of the body, for details.
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


def without_key(answer: VendorResponse, key: str) -> VendorResponse:
    """The answer without our key, which some vendors repeat in what they say. A word of a few letters is no secret."""
    told = [each for each in dict.fromkeys((key, quote(key, safe=""))) if len(each) >= _SHORTEST_KEY]
    if not any(each in answer.text or each in str(answer.body) or each in str(answer.headers) for each in told):
        return replace(answer, text=_uncut(answer.text, told))
    headers = {name: _without(value, told) for name, value in answer.headers.items()}
    return VendorResponse(
        answer.status, headers, _without(answer.body, told), _uncut(_without(answer.text, told), told)
    )


def _without(value: Any, told: list[str]) -> Any:
    match value:
        case str():
            for each in told:
                value = value.replace(each, "[…]")
            return value
        case dict():
            return {_without(name, told): _without(each, told) for name, each in value.items()}
        case list():
            return [_without(each, told) for each in value]
    return value


def _uncut(text: str, told: list[str]) -> str:
    """`text` without the beginning of a key at its end, where it was cut off."""
    for each in told:
        for size in range(len(each) - 1, _SHORTEST_KEY // 2, -1):
            if text.endswith(each[:size]):
                return text[:-size] + "[…]"
    return text


class NoResponse(Exception):
    """The vendor did not answer, or not to the end.

    `sent` is False when the vendor certainly did not get the request. Otherwise it may have done the work, and be
    paid for it. `reason` completes "the vendor could not be asked: ...".
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent
        self.reason = reason


class BadResponse(Exception):
    """The vendor answered with something that cannot be taken. `reason` completes "the vendor's answer ..."."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UntrustedHost(ValueError):
    """The key would have gone to a host that is not the vendor's. Nothing was sent."""


def no_response_failure(vendor: str, trouble: NoResponse) -> Failure:
    """What a call that costs money ends in without an answer."""
    kind = FailureKind.UNKNOWN_OUTCOME if trouble.sent else FailureKind.TRANSIENT
    return Failure(kind, f"{vendor} could not be asked: {trouble.reason}", detail="no answer")


def file_in(value: Any) -> Path | None:
    """The file that stands in an answer where a picture was."""
    match value:
        case {"$file": str(path), **rest} if not rest:
            return Path(path)
    return None
