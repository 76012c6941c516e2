"""Signed links: to fetch pictures, and to hand them in."""

import hmac
from urllib.parse import urlencode

from limner.domain.ids import TaskId, UploadToken


class SignedLinks:
    """Links of the form `/files/<account tag>/<task>/<name>.<ext>?exp=…&sig=…`.

    The signature covers the whole path and the expiry. It stands for read access to one picture, or for handing in
    one, so a link can be given to a program that has no key. No path serves both.
    """

    def __init__(self, secret: bytes, public_url: str, life_s: int) -> None:
        self._secret = hmac.digest(secret, b"limner picture links", "sha256")
        self._public_url = public_url.rstrip("/")
        self._life_s = life_s

    def picture(
        self, account_tag: str, task: TaskId, extension: str, now_ms: int, *, name: str = "generated_image"
    ) -> str:
        path = f"/files/{account_tag}/{task}/{name}.{extension}"
        return self._signed(path, now_ms // 1000 + self._life_s)

    def upload(self, account_tag: str, token: UploadToken, expires_s: int) -> str:
        return self._signed(f"/v3/files/{account_tag}/{token}", expires_s)

    def holds(self, path: str, expires_s: int, signature: str, now_ms: int) -> bool:
        genuine = hmac.compare_digest(self._sign(path, expires_s).encode(), signature.encode())
        return genuine and expires_s * 1000 > now_ms

    def _signed(self, path: str, expires_s: int) -> str:
        return f"{self._public_url}{path}?{urlencode({'exp': expires_s, 'sig': self._sign(path, expires_s)})}"

    def _sign(self, path: str, expires_s: int) -> str:
        return hmac.digest(self._secret, f"{path}\n{expires_s}".encode(), "sha256").hex()
