"""What can go wrong. The codes are those of Limner's page "Statuses and errors"."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limner_client.tasks import PictureTask


class LimnerError(Exception):
    """The base of all errors of this package."""


class ServerUnreachable(LimnerError):
    """No answer came, after all retries. A task may have been accepted: the same idempotency key finds it again."""


class WaitTimedOut(LimnerError):
    """The task did not end in time. It goes on; wait for it again with its id."""

    def __init__(self, task_id: str, timeout_s: float) -> None:
        super().__init__(f"task {task_id} has not ended after {timeout_s:g} s; it goes on")
        self.task_id = task_id


class TaskUnsuccessful(LimnerError):
    """The task ended without a picture; nothing was charged. `code` is its `error_code`, `task` the task."""

    def __init__(self, task: "PictureTask") -> None:
        super().__init__(f"task {task.id} is {task.status}: {task.error or 'there is no reason'}")
        self.task = task
        self.code = task.error_code


class WebhookForged(LimnerError):
    """A message whose signature is missing, wrong or too old."""


class CallRefused(LimnerError):
    """The server refused a call. Nothing was spent.

    `code` and `suggestion` are the server's, `status` is the HTTP status, `trace_id` what the operator asks for.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.code = int(body.get("code", 0))
        self.message = str(body.get("message", f"HTTP {status}"))
        self.suggestion = str(body.get("suggestion", ""))
        self.trace_id = headers.get("x-tripo-trace-id", "")
        super().__init__(f"{self.message}. {self.suggestion}".strip(". ") + f" (HTTP {status}, code {self.code})")


class KeyInvalid(CallRefused):
    """There is no key, or it is wrong or revoked."""


class KeyForbidden(CallRefused):
    """The key lacks a scope, or a link has expired."""


class FieldInvalid(CallRefused):
    """A field or the body is wrong; `suggestion` names it."""


class ModelUnknown(CallRefused):
    """There is no such model."""


class PictureInvalid(CallRefused):
    """A picture is empty, damaged, too large, or of a format that is not accepted."""


class ContentPolicyViolation(CallRefused):
    """Content policy refuses the prompt or a picture."""


class NotEnoughCredits(CallRefused):
    """The account has too few credits, or a budget is spent."""


class NothingFound(CallRefused):
    """There is no such task, upload, template or path, or it belongs to another account."""


class TooManyRequests(CallRefused):
    """A limit was still reached after all retries."""


class ServerFailed(CallRefused):
    """The server could not answer, also after all retries."""


CLASSES: Mapping[int, type[CallRefused]] = MappingProxyType(
    {
        1000: ServerFailed,
        1001: ServerFailed,
        1002: KeyInvalid,
        1003: FieldInvalid,
        1004: FieldInvalid,
        1005: KeyForbidden,
        1007: TooManyRequests,
        2000: TooManyRequests,
        2001: NothingFound,
        2002: FieldInvalid,
        2003: PictureInvalid,
        2004: PictureInvalid,
        2006: FieldInvalid,
        2007: FieldInvalid,
        2008: ContentPolicyViolation,
        2009: FieldInvalid,
        2010: NotEnoughCredits,
        2013: KeyForbidden,
        2017: ModelUnknown,
        2019: NothingFound,
        2022: PictureInvalid,
        4001: NothingFound,
        9404: NothingFound,
        9405: NothingFound,
        9414: FieldInvalid,
        9415: NothingFound,
    }
)
"""By the code of the answer."""


def refusal_of(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> CallRefused:
    """The error for an answer that is no success."""
    code = body.get("code")
    usual = ServerFailed if status >= 500 else CallRefused
    return CLASSES.get(code if isinstance(code, int) else 0, usual)(status, body, headers)
