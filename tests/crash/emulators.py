"""The vendors' emulators in one process, and the client by which a test controls them.

`python emulators.py PURCHASE_FILE` runs them until its standard input ends, so that it ends with its parent.
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
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class EmulatorProcess:
    """`environment` points a service at the vendors; `roots` are the base URLs of their control endpoints."""

    environment: Mapping[str, str]
    roots: Mapping[str, str]

    async def hold(self, vendor: str, stage: str, moment: str, at: int = 1) -> None:
        """Stop request number `at` of this stage at that moment: `received`, `done` or `half`."""
        await self._ask(vendor, "POST", "faults", {"kind": "hold", "on": stage, "how": moment, "at": at})

    async def wait_until_held(self, vendor: str) -> None:
        await self._ask(vendor, "GET", "held")

    async def release(self, vendor: str) -> None:
        """Remove all holds and drop the requests that were held."""
        await self._ask(vendor, "DELETE", "faults")
        await self._ask(vendor, "DELETE", "held")

    async def purchases(self, vendor: str, prompt: str) -> list[dict[str, Any]]:
        """The recorded purchases whose prompt begins with `prompt`."""
        body = await self._ask(vendor, "GET", "purchases")
        return [each for each in body["purchases"] if each["prompt"].startswith(prompt)]

    async def violations(self) -> list[Any]:
        body = [await self._ask(vendor, "GET", "violations") for vendor in self.roots]
        return [each for one in body for each in one["violations"]]

    async def _ask(self, vendor: str, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(_ask, f"{self.roots[vendor]}/_emulator/{path}", method, body)


def _ask(url: str, method: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - a local emulator
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        return json.load(answer)


@contextmanager
def run_emulators(records_file: Path) -> Iterator[EmulatorProcess]:
    command = [sys.executable, __file__, str(records_file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin
        assert process.stdout
        yield EmulatorProcess(**json.loads(process.stdout.readline()))
        process.stdin.close()


async def _serve(records_file: Path) -> None:
    async with Vendors.running(NAMES, records=records_file, speed=EmulatedSpeed(pending=0)) as emulators:
        roots = {name: emulators.base_url(name).removesuffix("/v1") for name in NAMES}
        sys.stdout.write(json.dumps({"environment": emulators.environment(), "roots": roots}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
