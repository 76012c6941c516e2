"""One process of a host: started in its network namespace, killed, and started again."""

import asyncio
import contextlib
import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.network import Network
from postgres import dies_with_parent

READY_S = 90.0
RESTART_S = 1.0
"""As systemd and Kubernetes wait before they start a service again."""

OWN_PIDS = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")
"""A host of its own for Limner, which sees by the PID namespace whether another process is on the same machine."""


@dataclass
class Host:
    """`is_ready` is asked after a start until it says so. `apart` gives it a PID namespace of its own."""

    name: str
    network: Network
    folder: Path
    command: list[str]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]
    user: str | None = None
    apart: bool = False
    process: "subprocess.Popen[bytes] | None" = field(default=None)
    ends: list[int] = field(default_factory=list)
    """The exit codes of stops."""

    early_ends: list[int] = field(default_factory=list)
    """Those of starts that failed, such as while the database changed its primary: then it is started again."""

    @property
    def address(self) -> str:
        return self.network.addresses[self.name]

    def start(self) -> None:
        whole = [*dies_with_parent(), *self.network.within(self.name)]
        if self.apart:
            whole += OWN_PIDS
        if self.user:
            whole += ["setpriv", "--reuid", self.user, "--regid", self.user, "--clear-groups"]
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*whole, *self.command],
                env=dict(self.environment),
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    async def ready(self) -> None:
        async with asyncio.timeout(READY_S):
            while not await asyncio.to_thread(self.is_ready):
                if self.process and self.process.poll() is not None:
                    self.early_ends.append(self.process.returncode)
                    await asyncio.sleep(RESTART_S)
                    self.start()
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """Kill all of the host at once."""
        self.network.kill_all(self.name)
        if self.process:
            await asyncio.to_thread(self.process.wait)

    async def stop(self) -> None:
        """Send SIGTERM and wait for the end."""
        if self.process and self.process.poll() is None:
            os.kill(self._pid(), signal.SIGTERM)
            self.ends.append(await asyncio.to_thread(self.process.wait))

    async def restart(self) -> None:
        await self.kill()
        self.start()
        await self.ready()

    def _pid(self) -> int:
        assert self.process
        if not self.apart:
            return self.process.pid
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])


def answers(url: str) -> Callable[[], bool]:
    """Whether a GET of this address is answered with 200."""

    def asks() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - of this test
            return bool(answer.status == 200)
        return False

    return asks
