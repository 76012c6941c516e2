"""The vendors' emulators in a process of their own, and what a test outside tells them and hears from them.

`python town.py BOOKS` runs them until its standard input ends, so that it never outlives who started it.
"""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner_vendors import EmulatedSpeed, Vendors

NAMES = ("bfl", "openai", "gemini", "midjourney", "fal", "replicate")
PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Town:
    """`environment` points a service at the vendors; `roots` are where each one's doors are."""

    environment: Mapping[str, str]
    roots: Mapping[str, str]

    async def holds(self, vendor: str, stage: str, moment: str, at: int = 1) -> None:
        """The next request of this stage, or the one of this number, is stopped at that moment."""
        await self._ask(vendor, "POST", "faults", {"kind": "hold", "on": stage, "how": moment, "at": at})

    async def until_held(self, vendor: str) -> None:
        await self._ask(vendor, "GET", "held")

    async def goes_on(self, vendor: str) -> None:
        """Nothing is stopped any more, and what was stopped is over."""
        await self._ask(vendor, "DELETE", "faults")
        await self._ask(vendor, "DELETE", "held")

    async def purchases(self, vendor: str, prompt: str) -> list[dict[str, Any]]:
        """What this vendor's books say was bought for a prompt that begins so."""
        told = await self._ask(vendor, "GET", "purchases")
        return [each for each in told["purchases"] if each["prompt"].startswith(prompt)]

    async def violations(self) -> list[Any]:
        told = [await self._ask(vendor, "GET", "violations") for vendor in self.roots]
        return [each for one in told for each in one["violations"]]

    async def _ask(self, vendor: str, method: str, door: str, body: Any = None) -> Any:
        return await asyncio.to_thread(_ask, f"{self.roots[vendor]}/_emulator/{door}", method, body)


def _ask(url: str, method: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - our own emulator
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
        return json.load(answer)


@contextmanager
def town(books: Path) -> Iterator[Town]:
    command = [sys.executable, __file__, str(books)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin
        assert process.stdout
        yield Town(**json.loads(process.stdout.readline()))
        process.stdin.close()


async def _serve(books: Path) -> None:
    async with Vendors.running(NAMES, books=books, pace=EmulatedSpeed(pending=0)) as emulators:
        roots = {name: emulators.base_url(name).removesuffix("/v1") for name in NAMES}
        sys.stdout.write(json.dumps({"environment": emulators.environment(), "roots": roots}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
