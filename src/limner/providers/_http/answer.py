"""What a vendor said, and the ways of saying nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from limner.domain.failure import Failure, FailureKind


@dataclass(frozen=True, slots=True)
class Answer:
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


class NoAnswer(Exception):
    """The vendor did not answer, or not to the end.

    `sent` is False when the vendor certainly did not get the request. Otherwise it may have done the work, and be
    paid for it. `reason` completes "the vendor could not be asked: ...".
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent
        self.reason = reason


class BadAnswer(Exception):
    """The vendor answered with something that cannot be taken. `reason` completes "the vendor's answer ..."."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ForeignHost(ValueError):
    """The key would have gone to a host that is not the vendor's. Nothing was sent."""


def unanswered(vendor: str, trouble: NoAnswer) -> Failure:
    """What a call that costs money ends in without an answer."""
    kind = FailureKind.UNKNOWN_OUTCOME if trouble.sent else FailureKind.TRANSIENT
    return Failure(kind, f"{vendor} could not be asked: {trouble.reason}", detail="no answer")


def file_in(value: Any) -> Path | None:
    """The file that stands in an answer where a picture was."""
    match value:
        case {"$file": str(path), **rest} if not rest:
            return Path(path)
    return None
