"""A message sent to a stranger's URL, under the rules by which one is fetched: judged twice, and limited in time."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from limner.domain.refusal import Code, Refusal
from limner.outbound.allowlist import FetchAllow
from limner.outbound.urls import PrivateHostError, UrlError, is_listed, parse
from limner.ports.webhook_http import WebhookAnswered, WebhookHttp, WebhookUnanswered

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver
    from yarl import URL

    from limner.outbound.webhook_client import WebhookClient

TIMEOUT_S = 15.0


class PlainHttpError(Exception):
    """The address is public, and not https."""


class GuardedWebhookHttp(WebhookHttp):
    """aiohttp is imported at the first message: a process that only judges addresses does not need it.

    `resolver` replaces the system's name lookup. Close it on the loop it sent on.
    """

    def __init__(
        self,
        allow: FetchAllow = FetchAllow(),  # noqa: B008 - a frozen value
        timeout_s: float = TIMEOUT_S,
        resolver: "AbstractResolver | None" = None,
    ) -> None:
        self._allow = allow
        self._timeout_s = timeout_s
        self._resolver = resolver
        self._sender: WebhookClient | None = None

    def check(self, url: str) -> None:
        """Refuse what cannot be a public https address by its looks; nothing is looked up."""
        try:
            self._judged(url)
        except UrlError as error:
            raise _refused(f"the URL {error}") from error
        except PrivateHostError as error:
            raise _refused(f"the host {str(error)[:200]!r} is not on the public internet") from error
        except PlainHttpError as error:
            raise _refused("the URL is not https") from error

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookAnswered | WebhookUnanswered:
        """Send once. What was allowed when the address was given may not be so any more."""
        try:
            judged = self._judged(url)
        except (UrlError, PrivateHostError, PlainHttpError):
            return WebhookUnanswered("the address is not allowed: it is not https, or not public")
        sender = await self._ready()
        return await sender.send(judged, headers, body)

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender.close()
            self._sender = None

    def _judged(self, url: str) -> "URL":
        parsed = parse(url, self._allow)
        if parsed.scheme != "https" and not is_listed(parsed, self._allow):
            raise PlainHttpError
        return parsed

    async def _ready(self) -> "WebhookClient":
        # Importing reads hundreds of files, which the event loop must not wait for.
        kind = await asyncio.to_thread(_sender_class)
        if self._sender is None:
            self._sender = kind(self._allow, self._timeout_s, self._resolver)
        return self._sender


def _refused(reason: str) -> Refusal:
    return Refusal(
        Code.INVALID,
        reason,
        suggestion="Give a full https:// address on the public internet. "
        "An operator can allow another host with LIMNER_FETCH_ALLOW.",
        field="url",
    )


def _sender_class() -> "type[WebhookClient]":
    from limner.outbound.webhook_client import WebhookClient  # noqa: PLC0415 - brings aiohttp

    return WebhookClient
