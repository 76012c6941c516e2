"""Signed URLs that work without an API key until they expire."""

from typing import Protocol

from limner.domain.ids import KeyId, TaskId, UploadToken
from limner.domain.thumbnail import DEFAULT_SIDE


class Links(Protocol):
    def picture(
        self, account_tag: str, task: TaskId, extension: str, now_ms: int, *, name: str = "generated_image"
    ) -> str:
        """A fresh absolute URL with the true extension in its path; it works without a key until it expires."""
        ...

    def thumbnail(self, task: TaskId, now_ms: int, *, name: str | None = None, side: int = DEFAULT_SIDE) -> str:
        """An absolute URL of a small copy, the same for a day, so that it is cached; it works for a day at least."""
        ...

    def upload(self, account_tag: str, key: KeyId, token: UploadToken, expires_s: int) -> str:
        """An absolute URL that accepts one picture by PUT under `token`, issued with the API key `key`."""
        ...

    def holds(self, path: str, expires_s: int, signature: str, now_ms: int, key: str = "") -> bool:
        """Whether path, expiry and API key have a valid signature and the link has not expired."""
        ...
