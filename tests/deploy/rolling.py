"""Another version's code and this one's, as processes on one database while tasks flow: `make rolling-check`.

The other version is a commit of this repository, by default the oldest with the schema of the checkout; OLD names
another. Its code runs from `git archive` with the packages of the tests. Half of the tasks go to each API, and each
worker takes what comes. It is no file of tests: a release is compared with the one before it, not every commit.
"""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from contract.client import FINAL, Client
from limner.db.migrate import HEAD, current_mark
from limner_vendors import EmulatedSpeed, Vendors
from postgres import Server, dies_with_parent
from serving import OURS, first_object

ROOT = Path(__file__).parents[2]
CLIENTS = 6
EACH = 8
"""Tasks that each phase waits for, of every API and of every worker that runs in it."""

TIMEOUT_S = 120


@dataclass(frozen=True)
class Version:
    name: str
    paths: str
    """What goes before the packages that are installed; empty for the checkout's code, which is installed."""


@dataclass
class Process:
    """An API or a worker, with the log by which it says what it does."""

    popen: "subprocess.Popen[str]"
    ready: Mapping[str, Any]
    log: Path

    def stop(self) -> None:
        self.popen.terminate()
        assert self.popen.wait(TIMEOUT_S) == 0, self.log.read_text()[-3000:]

    def ended(self) -> list[str]:
        """The tasks that it has ended."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line["task"] for line in lines if line["event"] == "task ended"]


@dataclass
class Service:
    """One database, one store of pictures, one vendor, and the processes of both versions."""

    folder: Path
    environment: Mapping[str, str]
    life: ExitStack
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self, version: Version, *command: str) -> Process:
        name = f"{next(self.numbers)}-{version.name}-{command[0]}"
        environment = {**self.environment, "LIMNER_DATA": str(self.folder / name), "PYTHONPATH": version.paths}
        log = self.folder / f"{name}.log"
        popen = subprocess.Popen(
            [*dies_with_parent(), sys.executable, "-m", "limner", *command, "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=self.life.enter_context(log.open("w")),
            text=True,
        )
        self.life.callback(_end, popen)
        return Process(popen, first_object(popen), log)

    def api(self, version: Version) -> Process:
        return self.start(version, "serve", "--api-only", "--port", "0")

    def worker(self, version: Version) -> Process:
        return self.start(version, "worker")

    def cli(self, version: Version, *arguments: str) -> Any:
        environment = {**self.environment, "LIMNER_DATA": str(self.folder / "cli"), "PYTHONPATH": version.paths}
        command = [sys.executable, "-m", "limner", *arguments, "--json"]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def key(self, version: Version) -> str:
        return str(self.cli(version, "keys", "create")["key"])


def _end(popen: "subprocess.Popen[str]") -> None:
    popen.kill()
    popen.wait()
    assert popen.stdout
    popen.stdout.close()


@dataclass
class Flow:
    """Callers who make one task after another, at whichever APIs there are at the moment."""

    key: str
    apis: list[Process] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)
    """The status of each task, by its id."""

    accepted_by: "Counter[str]" = field(default_factory=Counter)
    asking: "Counter[str]" = field(default_factory=Counter)
    changed: threading.Condition = field(default_factory=threading.Condition)
    over: threading.Event = field(default_factory=threading.Event)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def call(self) -> None:
        while not self.over.is_set():
            number = next(self.numbers)
            with self.client(number) as (client, name):
                task = client.submit(prompt=prompt(number), model_version="flux.1_kontext_pro")
                self.accepted_by[name] += 1
            self.done[task] = self._end_of(task)

    def _end_of(self, task: str) -> str:
        """Asked of whichever API is there: the one that took the task may have been stopped."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            with self.client(-1) as (client, _):
                status = str(client.task(task)["status"])
            if status in FINAL:
                return status
            assert time.monotonic() < deadline, f"{task} is {status}"
            time.sleep(0.1)

    @contextmanager
    def client(self, number: int) -> Iterator[tuple[Client, str]]:
        with self.changed:
            api = self.apis[number % len(self.apis)]
            self.asking[api.log.name] += 1
        try:
            yield Client(str(api.ready["url"]), self.key), api.log.name
        finally:
            with self.changed:
                self.asking[api.log.name] -= 1
                self.changed.notify_all()

    def leave(self, api: Process) -> None:
        """Stop an API as a load balancer lets it be stopped: it gets no more requests, and has answered all."""
        with self.changed:
            self.apis.remove(api)
            assert self.changed.wait_for(lambda: not self.asking[api.log.name], TIMEOUT_S)
        api.stop()


def prompt(number: int) -> str:
    return f"fox number {number} of many"


@contextmanager
def flowing(flow: Flow) -> Iterator[list["Future[None]"]]:
    with ThreadPoolExecutor(CLIENTS) as threads:
        callers = [threads.submit(flow.call) for _ in range(CLIENTS)]
        try:
            yield callers
        finally:
            flow.over.set()
    for caller in callers:
        caller.result()


def until(callers: list["Future[None]"], holds: Any) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        for caller in callers:
            if caller.done():
                caller.result()
        assert time.monotonic() < deadline
        time.sleep(0.2)


def oldest_of_today_s_schema() -> str:
    (newest,) = (ROOT / "src/limner/db/migrations/versions").glob(f"{HEAD[:4]}_*.py")
    command = ["git", "log", "--diff-filter=A", "--format=%H", "--", newest]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()[-1]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Version:
    commit = os.environ.get("OLD") or oldest_of_today_s_schema()
    folder = tmp_path_factory.mktemp("old")
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    sources = [folder / "src", *sorted(folder.glob("packages/*/src"))]
    made = Version("old", os.pathsep.join(map(str, sources)))
    where = [sys.executable, "-c", "import limner; print(limner.__file__)"]
    environment = os.environ | {"PYTHONPATH": made.paths}
    found = subprocess.run(where, env=environment, check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(folder)), "the old code would not run"
    return made


NEW = Version("new", "")


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    """A vendor whose jobs are asked after several times: a stopped worker leaves some half way."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Vendors.running(["bfl"], speed=EmulatedSpeed(pending=2))) as emulators,
    ):
        yield emulators


@pytest.fixture(scope="module")
def url(postgres_server: Server) -> Iterator[str]:
    with postgres_server.database() as name:
        yield postgres_server.url(name)


@pytest.fixture(scope="module")
def service(url: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*OURS, "PYTHONPATH"))}
    chosen = {
        "DATABASE_URL": url,
        "STORAGE_URL": f"file://{folder / 'pictures'}",
        "SECRET": "5" * 64,
        "SIGN_IMAGES": "false",
        "ACCOUNT_TASKS": "100",
        "DRAIN_S": "0",
        "FETCH_ALLOW": "127.0.0.1",
        "LOG_FORMAT": "json",
    }
    settings = {f"LIMNER_{name}": value for name, value in chosen.items()}
    with ExitStack() as life:
        yield Service(folder, kept | settings | dict(vendors.environment()), life)


def test_old_and_new_processes_share_a_database_in_an_upgrade_and_back(
    service: Service, old: Version, url: str, vendors: Vendors
) -> None:
    old_api, old_worker = service.api(old), service.worker(old)
    before = current_mark(url) or ""
    flow = Flow(service.key(old), [old_api])
    with flowing(flow) as callers:
        together(flow, callers, [old_api], [old_worker])
        new_api, new_worker = service.api(NEW), service.worker(NEW)
        flow.apis.append(new_api)
        together(flow, callers, [old_api, new_api], [old_worker, new_worker])
        old_worker.stop()
        flow.leave(old_api)
        together(flow, callers, [new_api], [new_worker])
        workers = [old_worker, new_worker]
        if may_go_back_to(before):
            back_api, back_worker = service.api(old), service.worker(old)
            flow.apis.append(back_api)
            together(flow, callers, [new_api, back_api], [new_worker, back_worker])
            new_worker.stop()
            flow.leave(new_api)
            together(flow, callers, [back_api], [back_worker])
            workers.append(back_worker)

    ended = {worker.log.stem: worker.ended() for worker in workers}
    bought = Counter(each.prompt for each in vendors.purchases("bfl"))
    way = f"from schema {before} to {HEAD}{', and back' if len(workers) > 2 else ''}"
    shares = f"accepted {dict(flow.accepted_by)}, ended { {name: len(tasks) for name, tasks in ended.items()} }"
    sys.stdout.write(f"\n{way}: {len(flow.done)} tasks; {shares}\n")
    assert Counter(flow.done.values()) == {"success": len(flow.done)}
    assert sorted(task for tasks in ended.values() for task in tasks) == sorted(flow.done)
    assert bought == {prompt(number): 1 for number in range(len(flow.done))}
    assert [each for each in service.cli(NEW, "doctor", "--deep", "--hashes")["findings"] if not each["well"]] == []


def may_go_back_to(mark: str) -> bool:
    """Whether a version of this schema may be installed again after the upgrade."""
    oldest = HEAD.partition(".")[2]
    return mark == HEAD or "" < oldest <= mark


def together(flow: Flow, callers: list["Future[None]"], apis: list[Process], workers: list[Process]) -> None:
    """Until each of them has taken its part, counted from now on."""
    taken = {api.log.name: flow.accepted_by[api.log.name] for api in apis}
    ended = {worker.log.name: len(worker.ended()) for worker in workers}

    def all_have() -> bool:
        return all(flow.accepted_by[name] >= count + EACH for name, count in taken.items()) and all(
            len(worker.ended()) >= ended[worker.log.name] + EACH for worker in workers
        )

    until(callers, all_have)
