"""Addresses that work without a key for a while: to fetch a finished picture, to hand in a new one."""

from typing import Protocol

from limner.domain.ids import TaskId, UploadToken


class Links(Protocol):
    def picture(
        self, account_tag: str, task: TaskId, extension: str, now_ms: int, *, name: str = "generated_image"
    ) -> str:
        """A fresh absolute URL with the true extension in its path; it works without a key until it expires."""
        ...

    def upload(self, account_tag: str, token: UploadToken, expires_s: int) -> str:
        """An absolute URL that takes one picture by PUT, as what this token stands for, until it expires."""
        ...

    def holds(self, path: str, expires_s: int, signature: str, now_ms: int) -> bool:
        """Whether this path was signed by us for a time that has not passed."""
        ...
