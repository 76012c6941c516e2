"""The secrets of webhooks."""

import hmac
from dataclasses import dataclass, field

from limner.domain.ids import WebhookId


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """Makes a webhook's secret out of the server's own and a salt, whenever it is needed.

    The database holds the salt alone: who steals it can sign nothing. With another server's secret, every webhook has
    another secret, too.
    """

    server: bytes = field(repr=False)

    def __call__(self, webhook: WebhookId, salt: str) -> bytes:
        """32 bytes that only this server and the webhook's owner know."""
        key = hmac.digest(self.server, b"limner webhook secrets", "sha256")
        return hmac.digest(key, f"{webhook}\n{salt}".encode(), "sha256")
