"""Derives the signing secrets of webhooks."""

import hmac
from dataclasses import dataclass, field

from limner.domain.ids import WebhookId


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """Derives a webhook's secret from the server's secret and a stored salt.

    The database holds only salts, so a stolen copy cannot sign. Changing the server's secret changes every webhook's.
    """

    server: bytes = field(repr=False)

    def __call__(self, webhook: WebhookId, salt: str) -> bytes:
        """The 32-byte secret."""
        key = hmac.digest(self.server, b"limner webhook secrets", "sha256")
        return hmac.digest(key, f"{webhook}\n{salt}".encode(), "sha256")
