"""Refusals: error codes and texts that each API maps to its own error format."""

from collections.abc import Callable
from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")


class Code(IntEnum):
    """The numbers clients branch on; they are Tripo's, v2 and v3 share them."""

    UNKNOWN = 1000
    FATAL = 1001
    UNAUTHENTICATED = 1002
    MALFORMED = 1003
    INVALID = 1004
    FORBIDDEN = 1005
    RATE_LIMITED = 1007
    TOO_MANY_TASKS = 2000
    TASK_NOT_FOUND = 2001
    TYPE_UNSUPPORTED = 2002
    IMAGE_EMPTY = 2003
    IMAGE_TYPE_UNSUPPORTED = 2004
    ORIGINAL_TYPE_UNSUPPORTED = 2006
    ORIGINAL_NOT_SUCCEEDED = 2007
    CONTENT_POLICY = 2008
    PROMPT_CHARACTERS = 2009
    NO_CREDIT = 2010
    PRIORITY_INVALID = 2013
    AUDIT_FAILED = 2014
    VERSION_DEPRECATED = 2015
    TYPE_DEPRECATED = 2016
    VERSION_UNKNOWN = 2017
    FILE_NOT_FOUND = 2019
    IMAGE_TOO_LARGE = 2022
    ROUTE_NOT_FOUND = 9404
    METHOD_NOT_ALLOWED = 9405
    WEBHOOK_NOT_FOUND = 9414
    TEMPLATE_NOT_FOUND = 9415


class Refusal(Exception):
    """A request was turned down before anything was held, stored or spent.

    `reason` says what is wrong and with which value; `suggestion` says what to do about it and names the
    limit; `field` is the path of the field at fault in the caller's own words (`files[2].url`), where one is.
    """

    def __init__(
        self,
        code: Code,
        reason: str,
        *,
        suggestion: str,
        field: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.suggestion = suggestion
        self.field = field
        self.retry_after_s = retry_after_s

    @property
    def clause(self) -> str:
        """The reason without a full stop at its end, for sentences that are made of it."""
        return self.reason.rstrip(".")

    def at(self, field: str) -> "Refusal":
        """The same refusal, blamed on `field`."""
        self.field = field
        return self


class Overloaded(Refusal):
    """There is more to do than can be done in good time; nothing is wrong with the request."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            Code.RATE_LIMITED,
            reason,
            suggestion="Wait for a second (`Retry-After`) and try again; then, for twice as long each time.",
            retry_after_s=1,
        )


class Unavailable(Refusal):
    """The database or the store of the pictures is away, full or read-only; nothing is wrong with the request."""

    def __init__(self) -> None:
        super().__init__(
            Code.UNKNOWN,
            "the server cannot write anything down just now",
            suggestion="Wait for 5 seconds (`Retry-After`) and send it again; with an `Idempotency-Key` nothing is "
            "done twice.",
            retry_after_s=5,
        )


class MarkMissing(Refusal):
    """A finished picture that may not leave without its marks, which cannot be made now. It is kept and waits."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            Code.UNKNOWN,
            f"the picture is made and waits for its mark: {reason}",
            suggestion="Marks are required here (LIMNER_REQUIRE_MARKING). The picture is kept: try again later.",
            retry_after_s=30,
        )


class UnusablePicture(Refusal):
    """A whole picture in a format or of a size that is not taken. Who delivers it would deliver the same again."""


class UnsupportedMedia(Refusal):
    """The body has a content coding or a charset that cannot be decoded. HTTP status 415."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            Code.MALFORMED, reason, suggestion="Send JSON in UTF-8, uncompressed or with Content-Encoding: gzip."
        )


class TooSlow(Refusal):
    """The request body arrives too slowly."""

    def __init__(self) -> None:
        super().__init__(
            Code.MALFORMED, "the body of the request came too slowly", suggestion="Send it again, over a better line."
        )


class Problems:
    """What is wrong with a request. Unless it collects, the first refusal is raised."""

    __slots__ = ("_collect", "found")

    def __init__(self, *, collect: bool = False) -> None:
        self._collect = collect
        self.found: list[Refusal] = []

    def get(self, step: Callable[[], T], default: T) -> T:
        """What `step` returns; `default` where it refuses and refusals are collected."""
        try:
            return step()
        except Refusal as refusal:
            if not self._collect:
                raise
            self.found.append(refusal)
            return default

    def check(self, step: Callable[[], None]) -> None:
        self.get(step, None)
