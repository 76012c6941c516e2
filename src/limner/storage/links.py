"""Signed links to pictures."""

import hashlib
import hmac
from urllib.parse import urlencode

from limner.domain.ids import TaskId


class SignedLinks:
    """Links of the form `/files/<account tag>/<task>/generated_image.<ext>?exp=…&sig=…`.

    The signature covers the whole path and the expiry. It stands for read access to one picture, so a link can be
    handed to a program that has no key.
    """

    def __init__(self, secret: bytes, public_url: str, life_s: int) -> None:
        self._secret = hashlib.blake2b(b"limner picture links", key=secret, digest_size=32).digest()
        self._public_url = public_url.rstrip("/")
        self._life_s = life_s

    def picture(self, account_tag: str, task: TaskId, extension: str, now_ms: int) -> str:
        path = f"/files/{account_tag}/{task}/generated_image.{extension}"
        expires_s = now_ms // 1000 + self._life_s
        return f"{self._public_url}{path}?{urlencode({'exp': expires_s, 'sig': self._sign(path, expires_s)})}"

    def holds(self, path: str, expires_s: int, signature: str, now_ms: int) -> bool:
        genuine = hmac.compare_digest(self._sign(path, expires_s).encode(), signature.encode())
        return genuine and expires_s * 1000 > now_ms

    def _sign(self, path: str, expires_s: int) -> str:
        return hmac.digest(self._secret, f"{path}\n{expires_s}".encode(), "sha256").hex()
