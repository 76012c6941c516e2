"""The `Intake` implementation: verification and normalisation with Pillow, downloads with aiohttp."""

import asyncio
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from limner.intake.admit import AdmittedImage, admit
from limner.intake.limits import ImageLimits
from limner.outbound.allowlist import FetchAllow
from limner.outbound.limits import FetchLimits
from limner.outbound.urls import check_url
from limner.ports.intake import Inspected, Intake, Normalised

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

    from limner.outbound.fetch import Fetcher


class ImageIntake(Intake):
    """Pillow and aiohttp are imported on first use: a process that only checks URLs needs neither.

    `resolver` replaces the default resolver. Close it on the event loop it fetched on.
    """

    def __init__(
        self,
        fetch_allow: FetchAllow = FetchAllow(),  # noqa: B008 - a frozen value
        limits: ImageLimits = ImageLimits(),  # noqa: B008 - a frozen value
        fetch_limits: FetchLimits = FetchLimits(),  # noqa: B008 - a frozen value
        resolver: "AbstractResolver | None" = None,
    ) -> None:
        self._allow = fetch_allow
        self._limits = limits
        self._fetch_limits = fetch_limits
        self._resolver = resolver
        self._fetcher: Fetcher | None = None
        self._huge = threading.Lock()

    def inspect(self, source: Path) -> Inspected:
        """Verify the file at `source` down to its last pixel row. Blocking: call it in a thread."""
        from limner.intake.decode.verify import verify  # noqa: PLC0415 - brings Pillow

        admitted = admit(source, self._limits)
        with self._room_for(admitted):
            return verify(admitted, self._limits)

    def normalise(self, source: Path, target: Path) -> Normalised:
        """Write a clean copy of `source` to `target`. Blocking: call it in a thread."""
        from limner.intake.decode.normalise import normalise  # noqa: PLC0415 - brings Pillow

        admitted = admit(source, self._limits)
        with self._room_for(admitted):
            return normalise(admitted, target, self._limits)

    def check_url(self, url: str) -> None:
        """Refuse URLs that are not public http(s) addresses, without resolving names."""
        check_url(url, self._allow)

    async def fetch(self, url: str, target: Path) -> None:
        """Download `url` to `target` under the address, size and time rules."""
        fetcher = await self._ready_fetcher()
        await fetcher.fetch(url, target)

    async def close(self) -> None:
        """Close connections. A later fetch opens new ones."""
        if self._fetcher is not None:
            await self._fetcher.close()

    async def _ready_fetcher(self) -> "Fetcher":
        # The import reads hundreds of files and would block the event loop.
        kind = await asyncio.to_thread(_fetcher_class)
        if self._fetcher is None:
            limits = replace(self._fetch_limits, max_bytes=self._limits.max_bytes)
            self._fetcher = kind(self._allow, limits, self._resolver)
        return self._fetcher

    def _room_for(self, admitted: AdmittedImage) -> AbstractContextManager[object]:
        pixels = admitted.header.width * admitted.header.height
        return self._huge if pixels > self._limits.huge_pixels else nullcontext()


def _fetcher_class() -> "type[Fetcher]":
    from limner.outbound.fetch import Fetcher  # noqa: PLC0415 - brings aiohttp

    return Fetcher
