"""The `Intake` implementation: verification and normalisation with Pillow, downloads with aiohttp."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limner.intake.decode_job import DecodeJob
from limner.intake.decode_pool import DecodePool
from limner.intake.image_files import ImageFiles
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

    `resolver` replaces the default resolver; a `pool` may be shared. Close it on the event loop it was used on.
    """

    def __init__(
        self,
        fetch_allow: FetchAllow = FetchAllow(),  # noqa: B008 - a frozen value
        limits: ImageLimits = ImageLimits(),  # noqa: B008 - a frozen value
        fetch_limits: FetchLimits = FetchLimits(),  # noqa: B008 - a frozen value
        resolver: "AbstractResolver | None" = None,
        pool: DecodePool | None = None,
    ) -> None:
        self._allow = fetch_allow
        self._limits = limits
        self._fetch_limits = fetch_limits
        self._resolver = resolver
        self._fetcher: Fetcher | None = None
        self._files = ImageFiles(limits)
        self._pool = pool or DecodePool()

    async def inspect(self, source: Path | bytes) -> Inspected:
        done = await self._decode(DecodeJob(source, self._limits))
        assert isinstance(done, Inspected)  # noqa: S101 - the job has no target
        return done

    async def normalise(self, source: Path, target: Path) -> Normalised:
        done = await self._decode(DecodeJob(source, self._limits, target))
        assert isinstance(done, Normalised)  # noqa: S101 - the job has a target
        return done

    async def thumbnail(self, source: Path, target: Path, side: int) -> None:
        """Write a WebP of at most `side` pixels a side to `target`. Raises `Refusal`."""
        await self._decode(DecodeJob(source, replace(self._limits, longest_side=side, min_side=1), target, small=True))

    def check_url(self, url: str) -> None:
        check_url(url, self._allow)

    async def fetch(self, url: str, target: Path) -> None:
        fetcher = await self._ready_fetcher()
        await fetcher.fetch(url, target)

    async def close(self) -> None:
        """Close connections and the pool of decodes. A later use opens new ones."""
        if self._fetcher is not None:
            await self._fetcher.close()
        await self._pool.close()

    async def _decode(self, job: DecodeJob) -> Inspected | Normalised:
        done = await self._pool.in_thread(partial(self._perform_light, job))
        return await self._pool.in_process(job, done) if isinstance(done, int) else done

    def _perform_light(self, job: DecodeJob) -> Inspected | Normalised | int:
        """What the job made; the pixels of a picture that no thread may decode."""
        pixels = self._files.heavy_pixels(job.source)
        return job.perform() if pixels is None else pixels

    async def _ready_fetcher(self) -> "Fetcher":
        # The import reads hundreds of files and would block the event loop.
        kind = await asyncio.to_thread(_fetcher_class)
        if self._fetcher is None:
            limits = replace(self._fetch_limits, max_bytes=self._limits.max_bytes)
            self._fetcher = kind(self._allow, limits, self._resolver)
        return self._fetcher


def _fetcher_class() -> "type[Fetcher]":
    from limner.outbound.fetch import Fetcher  # noqa: PLC0415 - brings aiohttp

    return Fetcher
