"""Limner's hosts: two APIs, three workers, the bucket, and the commands of the operator."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.database import Database
from cluster.hosts import Host, answers
from cluster.network import Network
from serving import OURS

ROOT = Path(__file__).parents[2]
APIS = ("api1", "api2")
WORKERS = ("worker1", "worker2", "worker3")
_VERSION = '__version__ = "'


@dataclass
class Service:
    folder: Path
    environment: Mapping[str, str]
    hosts: Mapping[str, Host]

    @property
    def apis(self) -> list[Host]:
        return [self.hosts[name] for name in APIS]

    @property
    def workers(self) -> list[Host]:
        return [self.hosts[name] for name in WORKERS]

    async def start(self) -> None:
        for host in self.hosts.values():
            host.start()
        for host in self.hosts.values():
            await host.ready()

    async def roll(self, build: str) -> None:
        """Give every host another build, one after another: stopped with SIGTERM, ready before the next one's turn."""
        for host in self.hosts.values():
            host.environment = {**host.environment, "PYTHONPATH": build}
            await host.stop()
            host.start()
            await host.ready()

    async def cli(self, *arguments: str) -> Any:
        """The JSON that a command prints, whatever its exit code."""
        command = [sys.executable, "-m", "limner", *arguments, "--json"]
        environment = {**self.environment, "LIMNER_DATA": str(self.folder / "operator")}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await process.communicate()
        if not out:
            raise RuntimeError(f"limner {' '.join(arguments)} ended with {process.returncode}: {err.decode()[-2000:]}")
        said = json.loads(out)
        if "error" in said:
            raise RuntimeError(f"limner {' '.join(arguments)}: {said['error']}")
        return said


def made_service(network: Network, database: Database, folder: Path, settings: Mapping[str, str]) -> Service:
    """Limner's hosts, whose names `network` has already."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = (
        kept
        | settings
        | {
            "LIMNER_DATABASE_URL": database.pooled,
            "LIMNER_DATABASE_DIRECT_URL": database.direct,
            "LIMNER_SECRET": "cluster" * 8,
            "LIMNER_PUBLIC_URL": f"http://{network.addresses['haproxy']}:8000",
            "LIMNER_TRUSTED_PROXIES": network.addresses["haproxy"],
        }
    )
    hosts = {}
    for name in (*APIS, *WORKERS):
        here = network.addresses[name]
        own = {"LIMNER_DATA": str(folder / name), "LIMNER_HOST": here, "LIMNER_PORT": "8000"}
        own["LIMNER_METRICS_LISTEN"] = f"{here}:9464"
        what = ["serve", "--api-only"] if name in APIS else ["worker"]
        ready = answers(f"http://{here}:8000/readyz" if name in APIS else f"http://{here}:9464/metrics")
        command = [sys.executable, "-m", "limner", *what, "--json"]
        hosts[name] = Host(name, network, folder, command, environment | own, ready, apart=True)
    return Service(folder, environment, hosts)


def bucket(network: Network, folder: Path) -> tuple[Host, dict[str, str]]:
    """An S3 server with one bucket, and what Limner is to know of it."""
    here = network.add("s3")
    (folder / "bucket" / "pictures").mkdir(parents=True)
    keys = {"NANIO_ACCESS_KEY": "an-access-key", "NANIO_SECRET_KEY": "a-secret-key"}
    command = [sys.executable, "-m", "nanio", "serve", "--data-dir", str(folder / "bucket"), "--no-access-log"]
    host = Host("s3", network, folder, [*command, "--host", here, "--port", "7070"], os.environ | keys, lambda: True)
    return host, {
        "LIMNER_STORAGE_URL": "s3://pictures/limner",
        "AWS_ENDPOINT_URL": f"http://{here}:7070",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "an-access-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret-key",
        "AWS_REGION": "us-east-1",
    }


def new_build(folder: Path) -> str:
    """A copy of the code with another version; returns what goes before the packages that are installed."""
    target = folder / "build"
    sources = [ROOT / "src", *sorted((ROOT / "packages").glob("*/src"))]
    for source in sources:
        shutil.copytree(source, target / source.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
    first = target / "src" / "limner" / "__init__.py"
    first.write_text(first.read_text().replace(_VERSION, f"{_VERSION}9."))
    return os.pathsep.join(str(target / source.relative_to(ROOT)) for source in sources)
