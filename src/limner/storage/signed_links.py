"""Signs links for downloading and uploading pictures."""

import hmac
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote_plus, urlencode

from limner.domain.ids import KeyId, TaskId, UploadToken
from limner.domain.keyed_digest import KeyedDigest
from limner.domain.thumbnail import DEFAULT_SIDE

DAY_S = 86_400


class SignedLinks:
    """Links of the form `/files/<account tag>/<task>/<name>.<ext>?exp=…&sig=…`.

    The signature covers the whole path and the expiry, and for an upload the id of the API key that issued the link
    (`key=…`). It grants read access to one picture, or the upload of one. No path serves both.
    """

    def __init__(self, secret: bytes, public_url: str, life_s: int) -> None:
        self._digest = KeyedDigest(hmac.digest(secret, b"limner picture links", "sha256"))
        self._public_url = public_url.rstrip("/")
        self._life_s = life_s

    def picture(
        self, account_tag: str, task: TaskId, extension: str, now_ms: int, *, name: str = "generated_image"
    ) -> str:
        path = f"/files/{account_tag}/{task}/{name}.{extension}"
        return self._signed(path, now_ms // 1000 + self._life_s)

    def thumbnail(self, task: TaskId, now_ms: int, *, name: str | None = None, side: int = DEFAULT_SIDE) -> str:
        expires_s = (now_ms // 1000 // DAY_S + 2) * DAY_S
        return self._signed(f"/thumbs/{task}.webp", expires_s, more={"w": side} | ({"name": name} if name else {}))

    def upload(self, account_tag: str, key: KeyId, token: UploadToken, expires_s: int) -> str:
        return self._signed(f"/v3/files/{account_tag}/{token}", expires_s, key)

    def holds(self, path: str, expires_s: int, signature: str, now_ms: int, key: str = "") -> bool:
        genuine = hmac.compare_digest(self._sign(path, expires_s, key).encode(), signature.encode())
        return genuine and expires_s * 1000 > now_ms

    def _signed(
        self, path: str, expires_s: int, key: str = "", more: Mapping[str, str | int] = MappingProxyType({})
    ) -> str:
        """`more` are parameters that the signature does not cover."""
        unsigned = f"{urlencode({**more})}&" if more else ""
        issuer = f"key={quote_plus(key)}&" if key else ""
        return f"{self._public_url}{path}?{unsigned}{issuer}exp={expires_s}&sig={self._sign(path, expires_s, key)}"

    def _sign(self, path: str, expires_s: int, key: str) -> str:
        signed = f"{path}\n{expires_s}\n{key}" if key else f"{path}\n{expires_s}"
        return self._digest(signed.encode()).hex()
