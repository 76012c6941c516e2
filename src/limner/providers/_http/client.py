"""HTTP for one vendor account: requests with the key, downloads without it."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from limner.ports.provider import VendorAccount
from limner.providers._http.limits import PICTURE_BYTES
from limner.providers._http.reading.events import OnEvent
from limner.providers._http.request_body import Part, RequestBody, form_body, json_body
from limner.providers._http.response import VendorResponse, without_key

if TYPE_CHECKING:
    from limner.providers._http.aiohttp_client import AiohttpClient


class VendorHttp:
    """Belongs to the event loop it is first used on; close it there.

    `headers` go with every `call` and with no `download`. `key_hosts` are further hosts that may see them: `"bfl.ai"`
    stands for itself and every name under it.
    """

    def __init__(self, account: VendorAccount, headers: Mapping[str, str], *, key_hosts: tuple[str, ...] = ()) -> None:
        self._account = account
        self._headers = dict(headers)
        self._key_hosts = key_hosts
        self._client: AiohttpClient | None = None

    @property
    def has_key(self) -> bool:
        return bool(self._account.key)

    async def call(
        self,
        method: str,
        url: str,
        *,
        json: Any = None,
        form: Sequence[Part] | None = None,
        workdir: Path | None = None,
        on_event: OnEvent | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        timeout_s: float,
    ) -> VendorResponse:
        """Send a request to a path below the base URL or to an absolute URL. Redirects are returned, not followed.

        With `workdir`, pictures in a JSON response (and any base64 text over 4 KiB) are written there as they arrive,
        64 MiB at most; the caller owns the files. All else in a response may have 1 MiB. Our key is removed wherever
        the vendor repeats it.

        `on_event` takes each event of a stream as it arrives; the next bytes are read when it has returned.

        Raises `NoResponse` and `BadResponse`, and `UntrustedHost` before anything is sent where the key must not go.
        """
        client = await self._ready_client()
        response = await client.call(
            method,
            url,
            body=_body(json, form),
            workdir=workdir,
            timeout_s=timeout_s,
            on_event=on_event,
            headers=headers,
        )
        return without_key(response, self._account.key)

    async def download(
        self, url: str, target: Path, *, timeout_s: float, max_bytes: int = PICTURE_BYTES
    ) -> VendorResponse:
        """Download a delivered picture to `target`, without the key: the URL may lead to any host.

        Only a 200 writes; any other status is returned and leaves no `target`. The URL must be https and lead to a
        public address, unless the account's own base URL is plain http or private. Follows at most three redirects and
        checks each. Raises `NoResponse`, and `BadResponse` for an address, a type or a size that is refused.
        """
        client = await self._ready_client()
        return await client.download(url, target, timeout_s, max_bytes)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _ready_client(self) -> "AiohttpClient":
        """The HTTP client, imported on first use in a thread: the import takes 0.4 s."""
        if self._client is None:
            client = await asyncio.to_thread(_load)
            # A concurrent call may have set it meanwhile.
            self._client = self._client or client(
                self._account.base_url,
                self._headers,
                self._key_hosts,
                self._account.allows,
                self._account.proxy_for,
            )
        return self._client


def _load() -> "type[AiohttpClient]":
    from limner.providers._http.aiohttp_client import AiohttpClient  # noqa: PLC0415 - see _ready_client

    return AiohttpClient


def _body(json: Any, form: Sequence[Part] | None) -> RequestBody | None:
    if form is not None:
        return form_body(form, f"limner-{secrets.token_hex(16)}")
    return None if json is None else json_body(json)
