"""Addresses under which a finished picture can be fetched for a while."""

from typing import Protocol

from limner.domain.ids import TaskId


class Links(Protocol):
    def picture(self, account_tag: str, task: TaskId, extension: str, now_ms: int) -> str:
        """A fresh absolute URL with the true extension in its path; it works without a key until it expires."""
        ...

    def holds(self, path: str, expires_s: int, signature: str, now_ms: int) -> bool:
        """Whether this path was signed by us for a time that has not passed."""
        ...
