"""Published packages that speak OpenAI's Images API: each makes a picture with its base URL and key changed alone.

Each is then cut off in three ways: by a proxy, by the death of the server, and by its own. It buys once.
"""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clients.conftest import NO_PACKAGES, NO_PROGRAM
from clients.environments import NotInstalled
from clients.front import front_of
from clients.node_packages import node_packages
from contract.client import PICTURE, Client, newcomer
from postgres import dies_with_parent
from serving import Served, serving

PROGRAMS = Path(__file__).parent / "programs"
PACKAGES = ("openai for Python", "openai", "@ai-sdk/openai", "@ai-sdk/openai-compatible")
TIMEOUT_S = 120
WORK_S = 3.0
CUT_S = 1.5


@dataclass(frozen=True, slots=True)
class Started:
    """A program that is running."""

    package: str
    process: subprocess.Popen[str]

    def files(self) -> dict[str, str]:
        """What it made."""
        printed, said = self.process.communicate(timeout=TIMEOUT_S)
        assert self.process.returncode == 0, f"{self.package}: {said}"
        found: dict[str, str] = json.loads(printed)
        return found


@pytest.fixture(scope="module")
def packages() -> Path:
    if shutil.which("npm") is None:
        pytest.skip(f"{NO_PROGRAM} node")
    try:
        return node_packages()
    except NotInstalled as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{NO_PACKAGES}: {error}")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that works longer on a picture than an impatient proxy waits."""
    with serving(tmp_path_factory.mktemp("slow"), sandbox_delay_s=str(WORK_S)) as server:
        yield server


@pytest.fixture
def start(packages: Path, tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Start the program of a package against an address."""
    started: list[Started] = []
    picture = tmp_path / "in.png"
    picture.write_bytes(PICTURE)

    def start(package: str, url: str, key: str | None, **variables: str) -> Started:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        python = package == PACKAGES[0]
        command = [sys.executable, PROGRAMS / "images_sdk.py"] if python else ["node", PROGRAMS / "images_sdk.mjs"]
        given = {"BASE_URL": f"{url}/v1", "KEY": key or "", "PROMPT": f"a fox by {package}", "PACKAGE": package}
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NODE_PACKAGES": str(packages)}
        process = subprocess.Popen(
            [*dies_with_parent(), *map(str, [*command, picture, folder])],
            env=environment | given | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(Started(package, process))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


def check(files: dict[str, str], *names: str) -> None:
    assert tuple(files) == names
    for file in files.values():
        with Image.open(io.BytesIO(Path(file).read_bytes())) as shown:
            shown.load()


def prompts(caller: Client) -> list[str]:
    return sorted(each["input"]["prompt"] for each in caller.get("/v2/openapi/tasks").data["tasks"])


def bought_once(caller: Client) -> bool:
    """Whether each package's prompt was made, and paid, once."""
    return prompts(caller) == sorted(f"a fox by {each}" for each in PACKAGES) and caller.balance() == (1000 - 20, 0)


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def port_of(served: Served) -> int:
    return int(served.url.rpartition(":")[2])


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_makes_and_edits_a_picture_with_its_address_and_key_changed(
    start: Callable[..., Started], slow: Served, package: str
) -> None:
    caller = newcomer(slow)

    check(start(package, slow.url, caller.key).files(), "generated", "edited")

    assert caller.balance() == (1000 - 10, 0)


@pytest.mark.long
def test_every_package_buys_once_behind_a_proxy_that_cuts(start: Callable[..., Started], slow: Served) -> None:
    caller = newcomer(slow)
    with front_of(port_of(slow), cut_after_s=CUT_S) as front:
        started = [start(each, front.url, caller.key, ONLY_GENERATE="1") for each in PACKAGES]
        for each in started:
            check(each.files(), "generated")

    assert bought_once(caller)


@pytest.mark.long
def test_every_package_buys_once_when_the_server_is_killed(start: Callable[..., Started], tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data, "--api-only") as server, front_of(port_of(server)) as front:
        caller = newcomer(server)
        started = [start(each, front.url, caller.key, ONLY_GENERATE="1") for each in PACKAGES]
        until(lambda: len(prompts(caller)) == len(PACKAGES))
        server.kill()
        with serving(data, "--port", str(port_of(server))):
            for each in started:
                check(each.files(), "generated")
            assert bought_once(caller)


@pytest.mark.long
def test_every_package_buys_once_when_its_program_is_killed_and_run_again(
    start: Callable[..., Started], slow: Served
) -> None:
    caller = newcomer(slow)
    started = [start(each, slow.url, caller.key, ONLY_GENERATE="1") for each in PACKAGES]
    for each in started:
        until(lambda package=each.package: f"a fox by {package}" in prompts(caller))  # type: ignore[misc]
        each.process.kill()
    until(lambda: lost_answers(slow, caller) == len(PACKAGES))

    for each in PACKAGES:
        check(start(each, slow.url, caller.key, ONLY_GENERATE="1").files(), "generated")

    assert bought_once(caller)


def lost_answers(served: Served, caller: Client) -> int:
    """How many of the caller's tasks stand written down as not answered."""
    tasks = [each["task_id"] for each in caller.get("/v2/openapi/tasks").data["tasks"]]
    with sqlite3.connect(f"file:{served.data / 'limner.db'}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT task FROM idempotency WHERE key LIKE '%.lost'").fetchall()
    return sum(task in tasks for (task,) in rows)
