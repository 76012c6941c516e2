"""Runs a program of `programs/` against a server, and checks what it printed."""

import json
import os
import ssl
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from contract.client import Client
from limner.cli.serving.serve import TRUSTED_BY
from serving import Served

PROGRAMS = Path(__file__).parent / "programs"
TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and how programs reach it.

    `authority`: the CA file to trust. `address`: where the name resolves.
    """

    served: Served
    authority: Path | None = None
    address: str | None = None

    @property
    def client(self) -> Client:
        """Ours, for a look at what a program did."""
        trust = ssl.create_default_context(cafile=self.authority) if self.authority else None
        url = f"https://{self.address}" if self.address else self.served.url
        return Client(url, self.served.key, trust)

    @property
    def variables(self) -> dict[str, str]:
        """As `limner serve` says them, and the key."""
        reported = {"LIMNER_URL": self.served.url, "LIMNER_KEY": self.served.key or ""}
        trust = dict.fromkeys(TRUSTED_BY, str(self.authority)) if self.authority else {}
        return reported | trust | ({"LIMNER_ADDRESS": self.address} if self.address else {})

    def command(self, interpreter: str | Path, program: str) -> list[str | Path]:
        return [interpreter, *([PROGRAMS / "by_hosts.py"] if self.address else []), PROGRAMS / program]


@dataclass(frozen=True, slots=True)
class Walk:
    """What a program printed, and where."""

    reported: Mapping[str, Any]
    place: Place

    @property
    def tasks(self) -> Mapping[str, Mapping[str, Any]]:
        """Each task that it made, by what was special about it, as its package showed it."""
        found: Mapping[str, Mapping[str, Any]] = self.reported["tasks"]
        return found

    @property
    def spent(self) -> list[float]:
        """By how much its balance fell, and what was still held."""
        (before, _), (after, held) = self.reported["balances"]
        return [before - after, held]

    def check(self, name: str) -> None:
        """The task came to its end, and the files that the program wrote are its pictures, byte for byte."""
        task = self.tasks[name]
        assert (task["status"], task["progress"]) == ("success", 100)
        files = [Path(file).read_bytes() for file in task["files"].values()]
        assert files == self._pictures(task["task_id"])
        for picture in files:
            with Image.open(BytesIO(picture)) as shown:
                shown.load()
                assert (shown.format, shown.size) == ("PNG", (256, 256))

    def _pictures(self, task_id: str) -> list[bytes]:
        output = self.place.client.task(task_id)["output"]
        urls = output.get("generate_multiview_image", output)
        paths = (url.removeprefix(self.place.served.url) for url in urls.values())
        return [self.place.client.get(path, auth=False).body for path in paths]


Run = Callable[..., Walk]


def walk(command: list[str | Path], place: Place, folder: Path, picture: bytes, **variables: str) -> Walk:
    """Run a program. The environment of the tests tells it nothing: no trust, no AWS settings, no proxies."""
    (folder / "in.png").write_bytes(picture)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TRIPO_DISABLE_GEO_DETECTION": "1",  # otherwise tripo3d asks external services for its location
        **place.variables,
        **variables,
    }
    done = subprocess.run(
        [*command, folder / "in.png", folder],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return Walk(json.loads(done.stdout), place)
