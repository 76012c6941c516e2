"""Keyed digests of short texts."""

import hmac


class KeyedDigest:
    """HMAC-SHA256 under one key, which is prepared once.

    `hmac.digest` gives the interpreter lock away for each text, however short; on a busy server it comes back after
    other threads have run, which takes a hundred times as long as the digest.
    """

    __slots__ = ("_prepared",)

    def __init__(self, key: bytes) -> None:
        self._prepared = hmac.new(key, digestmod="sha256")

    def __call__(self, text: bytes) -> bytes:
        digest = self._prepared.copy()
        digest.update(text)
        return digest.digest()
