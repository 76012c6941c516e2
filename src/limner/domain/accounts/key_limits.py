"""Limits of an API key, on top of its account's."""

from dataclasses import dataclass

from limner.domain.refusal import Code, Refusal

DAY_MS = 86_400_000

RETRY_AFTER_S = 5
"""`Retry-After` for a key at its limit of unfinished tasks: a picture takes a few seconds."""


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The limits of one key; None is no limit. Days are UTC."""

    per_second: int | None = None
    tasks: int | None = None
    credits_per_day: int | None = None
    credits: int | None = None
    credits_per_month: int | None = None


UNLIMITED = KeyLimits()


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """What a key uses: unfinished tasks, and credits held or consumed by its tasks."""

    tasks: int = 0
    credits_today: int = 0
    credits: int = 0


def day_of(at_ms: int) -> int:
    """The UTC day, counted from 1970."""
    return at_ms // DAY_MS


def exhausted(allowance: KeyLimits, spending: KeyUsage, price: int) -> Refusal | None:
    """The refusal of a task of this price that exceeds the key's limit of tasks, or of credits in all."""
    if allowance.tasks is not None and spending.tasks >= allowance.tasks:
        return Refusal(
            Code.TOO_MANY_TASKS,
            f"the key has {spending.tasks} tasks queued or running, and may have {allowance.tasks}",
            suggestion=f"Wait until one is done, or for {RETRY_AFTER_S} seconds (`Retry-After`), and try again.",
            retry_after_s=RETRY_AFTER_S,
        )
    if allowance.credits is not None and spending.credits + price > allowance.credits:
        left = max(0, allowance.credits - spending.credits)
        return Refusal(
            Code.NO_CREDIT,
            f"the task costs {price} credits, and the key may spend {left} more in all",
            suggestion="Ask the operator for more.",
        )
    return None
