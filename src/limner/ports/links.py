"""Signed URLs that work without an API key until they expire."""

from typing import Protocol

from limner.domain.ids import KeyId, TaskId, UploadToken


class Links(Protocol):
    def picture(
        self, account_tag: str, task: TaskId, extension: str, now_ms: int, *, name: str = "generated_image"
    ) -> str:
        """A fresh absolute URL with the true extension in its path; it works without a key until it expires."""
        ...

    def upload(self, account_tag: str, key: KeyId, token: UploadToken, expires_s: int) -> str:
        """An absolute URL that accepts one picture by PUT under `token`, issued with the API key `key`."""
        ...

    def holds(self, path: str, expires_s: int, signature: str, now_ms: int, key: str = "") -> bool:
        """Whether path, expiry and API key have a valid signature and the link has not expired."""
        ...
