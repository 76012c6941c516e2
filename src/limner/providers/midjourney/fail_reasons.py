"""What the words of a failed job mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from limner.domain.routing.failure import FailureKind, Stage


@dataclass(frozen=True, slots=True)
class FailReason:
    """What a `failReason` means. `kind` is None where the job has not ended."""

    kind: FailureKind | None
    stage: Stage | None = None


_PROMPT: Final = FailReason(FailureKind.CONTENT_POLICY, Stage.INPUT)
_ACCOUNT: Final = FailReason(FailureKind.AUTH)
_INVALID: Final = FailReason(FailureKind.BAD_INPUT)
_ACCIDENT: Final = FailReason(FailureKind.TRANSIENT)

FAIL_REASONS: Final[Mapping[str, FailReason]] = {
    "Banned prompt detected": _PROMPT,
    "Image denied": _PROMPT,
    "Request cancelled due to output filters": FailReason(FailureKind.CONTENT_POLICY, Stage.OUTPUT),
    "Our AI moderator": _PROMPT,  # also in the text of those above
    "[Invalid prompt]": _INVALID,
    "[Invalid parameter]": _INVALID,
    "[Invalid link]": _INVALID,
    "[Queue full]": FailReason(FailureKind.RATE_LIMITED),
    "[Credits exhausted]": FailReason(FailureKind.QUOTA_EXHAUSTED),
    "[Pending mod message]": _ACCOUNT,
    "[Blocked]": _ACCOUNT,
    "[Plan Cancelled]": _ACCOUNT,
    "[Subscription required]": _ACCOUNT,
    "[Subscription paused]": _ACCOUNT,
    "[Action needed to continue]": FailReason(None),
    "Internal error": _ACCIDENT,
    "Internal server error": _ACCIDENT,
    "Failed to process your command": _ACCIDENT,
    "系统异常": _ACCIDENT,
    "任务超时": FailReason(FailureKind.UNKNOWN_OUTCOME),  # the relay stopped waiting, Midjourney may have drawn it
}
"""By a part of the reason, ignoring case; the first match counts. `[…]` is a reason's title."""

UNKNOWN_REASON: Final = FailReason(FailureKind.BAD_INPUT)
"""Not retried: the next try would cost as much."""

CATCH_ALL: Final = ("异常", "exception")
"""Parts of a code 4's description where a relay means an error of its own."""


def fail_reasons_of(options: Mapping[str, Any]) -> Mapping[str, FailReason]:
    """The table with an account's additions before it, each a kind, `content_policy:output` or `pending`."""
    added = {words: _fail_reason(str(meaning)) for words, meaning in options.get("fail_reasons", {}).items()}
    return added | {words: meaning for words, meaning in FAIL_REASONS.items() if words not in added}


def _fail_reason(meaning: str) -> FailReason:
    if meaning == "pending":
        return FailReason(None)
    kind, _, stage = meaning.partition(":")
    return FailReason(FailureKind(kind), Stage(stage) if stage else None)


def meanings(value: Any) -> str | None:
    """A message about invalid `fail_reasons`."""
    if not isinstance(value, Mapping):
        return f"{value!r} is no table"
    for words, meaning in value.items():
        if str(meaning) not in MEANINGS:
            return f"{words!r} cannot mean {meaning!r}; a reason means one of {', '.join(MEANINGS)}"
    return None


MEANINGS: Final = ("pending", *FailureKind, *(f"{FailureKind.CONTENT_POLICY}:{stage}" for stage in Stage))
