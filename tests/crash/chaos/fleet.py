"""Limner's processes: started, killed without warning, started again at once."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from crash.chaos.plan import Plan
from postgres import dies_with_parent
from serving import OURS

READY_S = 120


@dataclass(slots=True)
class Ship:
    """One process of the fleet, in whichever of its lives. `ready` is what it says when it is; nothing if it died."""

    name: str
    command: list[str]
    log: BinaryIO
    process: "asyncio.subprocess.Process | None" = None
    ready: "asyncio.Task[dict[str, Any]] | None" = None


@dataclass(slots=True)
class Fleet:
    """`url` stays the same through all lives of the server; `key` is the first account's."""

    data: Path
    environment: Mapping[str, str]
    ships: list[Ship]
    url: str
    kills: Counter[str] = field(default_factory=Counter)
    key: str = ""
    falls: list[str] = field(default_factory=list)

    async def first_start(self) -> None:
        """The server alone, until it has made its account and says so; then the others."""
        server, *workers = self.ships
        await self._start(server)
        self.key = (await self._told(server))["key"]
        for ship in workers:
            await self._start(ship)

    async def strike(self, chance: random.Random) -> None:
        """Kill one of the processes as if its power went, and start it again."""
        await self.raise_fallen()
        ship = chance.choice(self.ships)
        await self._kill(ship)
        self.kills[ship.name] += 1
        await self._start(ship)

    async def raise_fallen(self) -> None:
        """Start again what ended by itself, as an init system does; it is noted, for none should."""
        for ship in self.ships:
            if ship.process and ship.process.returncode is not None:
                self.falls.append(f"the {ship.name} ended by itself with {ship.process.returncode}")
                await self._start(ship)

    async def stop(self) -> dict[str, int]:
        """Ask all to stop once they are up; how each ended."""
        for ship in self.ships:
            await self._told(ship)
        for ship in self.ships:
            if ship.process and ship.process.returncode is None:
                ship.process.send_signal(signal.SIGTERM)
        return {ship.name: await ship.process.wait() for ship in self.ships if ship.process}

    async def sink(self) -> None:
        """End whatever is still alive."""
        for ship in self.ships:
            await self._kill(ship)
            ship.log.close()

    async def cli(self, *arguments: str) -> Any:
        """What a `limner` command on this data prints as JSON, whether it is content or not."""
        command = [sys.executable, "-m", "limner", *arguments, "--data", str(self.data), "--json"]
        process = await asyncio.create_subprocess_exec(
            *command, env=dict(self.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await process.communicate()
        if not out:
            raise RuntimeError(f"limner {' '.join(arguments)} ended with {process.returncode}: {err.decode()[-2000:]}")
        return json.loads(out)

    def complaints(self) -> list[str]:
        """The lines of the logs that tell of a fault of ours."""
        lines = [line for path in sorted(self.data.parent.glob("*.log")) for line in path.read_text().splitlines()]
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [f"{each['event']}: {str(each.get('exception', ''))[-1500:]}" for each in told if _is_ours(each)]

    async def _start(self, ship: Ship) -> None:
        ship.process = await asyncio.create_subprocess_exec(
            *ship.command, env=dict(self.environment), stdout=subprocess.PIPE, stderr=ship.log
        )
        assert ship.process.stdout
        ship.ready = asyncio.create_task(_object(ship.process.stdout))

    async def _told(self, ship: Ship) -> dict[str, Any]:
        assert ship.ready
        async with asyncio.timeout(READY_S):
            return await ship.ready

    async def _kill(self, ship: Ship) -> None:
        if ship.process and ship.process.returncode is None:
            ship.process.kill()
            await ship.process.wait()
        if ship.ready:
            await ship.ready


@asynccontextmanager
async def fleet(folder: Path, plan: Plan, variables: Mapping[str, str]) -> AsyncIterator[Fleet]:
    """`variables` are the environment, but for what Limner reads of the one around."""
    data, port = folder / "data", _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | dict(variables)
    limner = [*dies_with_parent(), sys.executable, "-m", "limner"]
    mode = [] if plan.server_works else ["--api-only"]
    commands = {"server": [*limner, "serve", "--port", str(port), "--json", *mode]}
    commands |= {f"worker {n + 1}": [*limner, "worker", "--json"] for n in range(plan.workers)}
    ships = [
        Ship(name, [*command, "--data", str(data)], (folder / f"{name.replace(' ', '-')}.log").open("ab"))
        for name, command in commands.items()
    ]
    made = Fleet(data, environment, ships, f"http://127.0.0.1:{port}")
    try:
        yield made
    finally:
        await made.sink()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def _object(stream: asyncio.StreamReader) -> dict[str, Any]:
    told = ""
    async for line in stream:
        told += line.decode()
        if line.startswith(b"}"):
            found: dict[str, Any] = json.loads(told)
            return found
    return {}


def _is_ours(told: Mapping[str, Any]) -> bool:
    return told.get("event") in {"task failed on a bug", "task not ended"}
