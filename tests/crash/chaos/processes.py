"""Limner's server and workers as processes that are killed and restarted."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from crash.chaos.plan import Plan
from postgres import dies_with_parent
from serving import OURS

READY_S = 120


@dataclass(slots=True)
class ManagedProcess:
    """A process that is restarted after each kill. `ready` is the JSON it prints when ready, {} if it ended first."""

    name: str
    command: list[str]
    log: BinaryIO
    process: "asyncio.subprocess.Process | None" = None
    ready: "asyncio.Task[dict[str, Any]] | None" = None


@dataclass(slots=True)
class Processes:
    """`url` stays the same over all restarts of the server; `key` is the first account's."""

    data: Path
    environment: Mapping[str, str]
    processes: list[ManagedProcess]
    url: str
    kills: Counter[str] = field(default_factory=Counter)
    key: str = ""
    unexpected_exits: list[str] = field(default_factory=list)

    async def start_all(self) -> None:
        """Start the server, wait for the key of the account it creates, then start the workers."""
        server, *workers = self.processes
        await self._start(server)
        self.key = (await self._wait_ready(server))["key"]
        for child in workers:
            await self._start(child)

    async def kill_one(self, chance: random.Random) -> None:
        """Send SIGKILL to one of the processes, and start it again."""
        await self.restart_exited()
        child = chance.choice(self.processes)
        await self._kill(child)
        self.kills[child.name] += 1
        await self._start(child)

    async def restart_exited(self) -> None:
        """Restart processes that ended without a kill, and record them as violations."""
        for child in self.processes:
            if child.process and child.process.returncode is not None:
                self.unexpected_exits.append(f"the {child.name} ended unexpectedly with {child.process.returncode}")
                await self._start(child)

    async def stop(self) -> dict[str, int]:
        """Send SIGTERM to all once they are ready, and return their exit codes."""
        for child in self.processes:
            await self._wait_ready(child)
        for child in self.processes:
            if child.process and child.process.returncode is None:
                child.process.send_signal(signal.SIGTERM)
        return {child.name: await child.process.wait() for child in self.processes if child.process}

    async def kill_all(self) -> None:
        """Kill all processes that still run."""
        for child in self.processes:
            await self._kill(child)
            child.log.close()

    async def cli(self, *arguments: str) -> Any:
        """The JSON that a `limner` command prints, whatever its exit code."""
        command = [sys.executable, "-m", "limner", *arguments, "--data", str(self.data), "--json"]
        process = await asyncio.create_subprocess_exec(
            *command, env=dict(self.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await process.communicate()
        if not out:
            raise RuntimeError(f"limner {' '.join(arguments)} ended with {process.returncode}: {err.decode()[-2000:]}")
        return json.loads(out)

    def logged_errors(self) -> list[str]:
        return logged_defects(sorted(self.data.parent.glob("*.log")))

    async def _start(self, child: ManagedProcess) -> None:
        child.process = await asyncio.create_subprocess_exec(
            *child.command, env=dict(self.environment), stdout=subprocess.PIPE, stderr=child.log
        )
        assert child.process.stdout
        child.ready = asyncio.create_task(_object(child.process.stdout))

    async def _wait_ready(self, child: ManagedProcess) -> dict[str, Any]:
        assert child.ready
        async with asyncio.timeout(READY_S):
            return await child.ready

    async def _kill(self, child: ManagedProcess) -> None:
        if child.process and child.process.returncode is None:
            child.process.kill()
            await child.process.wait()
        if child.ready:
            await child.ready


@asynccontextmanager
async def running_processes(folder: Path, plan: Plan, variables: Mapping[str, str]) -> AsyncIterator[Processes]:
    """`variables` replace all variables of this environment that Limner reads."""
    data, port = folder / "data", _free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | dict(variables)
    limner = [*dies_with_parent(), sys.executable, "-m", "limner"]
    mode = [] if plan.server_works else ["--api-only"]
    commands = {"server": [*limner, "serve", "--port", str(port), "--json", *mode]}
    commands |= {f"worker {n + 1}": [*limner, "worker", "--json"] for n in range(plan.workers)}
    children = [
        ManagedProcess(name, [*command, "--data", str(data)], (folder / f"{name.replace(' ', '-')}.log").open("ab"))
        for name, command in commands.items()
    ]
    processes = Processes(data, environment, children, f"http://127.0.0.1:{port}")
    try:
        yield processes
    finally:
        await processes.kill_all()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def _object(stream: asyncio.StreamReader) -> dict[str, Any]:
    entries = ""
    async for line in stream:
        entries += line.decode()
        if line.startswith(b"}"):
            found: dict[str, Any] = json.loads(entries)
            return found
    return {}


def logged_defects(logs: Sequence[Path]) -> list[str]:
    """Log entries that report a defect of Limner."""
    lines = [line for path in logs for line in path.read_text(errors="replace").splitlines()]
    entries = [json.loads(line) for line in lines if line.startswith('{"')]
    return [f"{each['event']}: {str(each.get('exception', ''))[-1500:]}" for each in entries if _is_defect(each)]


def _is_defect(entries: Mapping[str, Any]) -> bool:
    event = str(entries.get("event"))
    return event in {"task failed on a bug", "task not ended"} or event.startswith("Exception in callback")
