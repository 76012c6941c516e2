"""What one account feels of another that does its worst: uploads and tasks, alone and beside it, on both databases.

The account is also measured on a server of its own while the other loads its server: what that costs is the machine's
share, since the two servers and the clients have only its cores and its disk in common.

`python -m bench neighbour` measures all kinds of load together; `python -m bench.neighbour --help` takes one of them,
and one database.
"""

import argparse
import asyncio
import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from PIL import Image
from tests.postgres import find_programs, running_server

from bench import load, silence
from bench.abuse import KINDS, Abuse
from bench.report import Figure
from bench.server import Server, beside, command, limner

T = TypeVar("T")

TIMEOUT_S = 60.0
"""Who waits longer is counted as if it was answered then."""

LOOK_S = 0.02
SETTINGS = {"engine": "sandbox", "sandbox_delay_s": "0.5", "account_tasks": "1000000"}
UPLOAD, TASK = "/v2/openapi/upload", "/v2/openapi/task"


@dataclass(frozen=True, slots=True)
class Size:
    """Pictures and tasks of the quiet account, alone and then beside the other; seconds between two of them."""

    tasks: int
    every_s: float
    abuse: Abuse


FULL = Size(
    tasks=30,
    every_s=1.0,
    abuse=Abuse(names=10, hosts=251, pictures=20, picture_side=10_000, forms=8, field_mib=1.0, queued=5000),
)
SHORT = Size(
    tasks=3,
    every_s=0.1,
    abuse=Abuse(names=2, hosts=3, pictures=2, picture_side=500, forms=1, field_mib=0.1, queued=20),
)


def figures(size: Size, databases: Sequence[str] = ("sqlite", "postgres")) -> Iterator[Figure]:
    for name in databases:
        with _DATABASES[name]() as settings:
            if settings is None:
                print("bench: PostgreSQL's programs are missing, its figures are left out", file=sys.stderr)
            else:
                yield from _compared(name, asyncio.run(_measured(settings, size)))


@contextlib.contextmanager
def _sqlite() -> Iterator[Sequence[dict[str, str]] | None]:
    yield {}, {}


@contextlib.contextmanager
def _postgres() -> Iterator[Sequence[dict[str, str]] | None]:
    programs = find_programs()
    if programs is None:
        yield None
        return
    with running_server(programs) as server, server.database() as one, server.database() as other:
        yield {"database_url": server.url(one)}, {"database_url": server.url(other)}


_DATABASES = {"sqlite": _sqlite, "postgres": _postgres}


@dataclass(slots=True)
class Felt:
    """Seconds that each upload, and each task from its request to its end, took."""

    upload: list[float] = field(default_factory=list)
    task: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Compared:
    """The quiet account alone, on another server than the loud one, and on the same."""

    alone: Felt
    elsewhere: Felt
    beside: Felt


def _compared(database: str, felt: Compared) -> Iterator[Figure]:
    for kind in ("upload", "task"):
        for share, word in ((0.5, "p50"), (0.99, "p99")):
            name = f"neighbour_{database}_{kind}_{word}"
            calm, machine, loud = (
                _percentile_ms(getattr(each, kind), share) for each in (felt.alone, felt.elsewhere, felt.beside)
            )
            yield Figure(f"{name}_alone", calm, "ms")
            yield Figure(f"{name}_elsewhere", machine, "ms")
            yield Figure(f"{name}_beside", loud, "ms")
            yield Figure(f"{name}_ratio", loud / calm, "ratio")
            yield Figure(f"{name}_ratio_to_elsewhere", loud / machine, "ratio")


def _percentile_ms(times_s: Sequence[float], share: float) -> float:
    ranked = sorted(times_s)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] * 1000


async def _measured(both: Sequence[dict[str, str]], size: Size) -> Compared:
    """`both` are the settings of the loud account's server and of another one."""
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder, contextlib.ExitStack() as stack:
        within: Sequence[str] = ()
        if silence.possible():
            within = stack.enter_context(silence.silent_name_server(Path(folder)))
        else:
            print("bench: names are looked up as usual, since silence takes root", file=sys.stderr)
        server, other = (stack.enter_context(limner(SETTINGS | each, within=within)) for each in both)
        command("webhooks", "add", "--per-task", "--data", str(server.data), "--json", env=server.environment)
        quiet, apart = (Quiet(each.port, _second_account(each)) for each in (server, other))
        for account in (quiet, apart):
            await account.lives(2, size.every_s)  # opens what is opened at first use
        alone = await quiet.lives(size.tasks, size.every_s)
        with beside("bench.abuse", str(server.port), server.key, size.abuse.as_json()):
            loud, elsewhere = await asyncio.gather(
                quiet.lives(size.tasks, size.every_s), apart.lives(size.tasks, size.every_s, size.every_s / 2)
            )
        for each in (server, other):
            each.process.kill()  # rather than wait until it has done all that was asked of it
        return Compared(alone, elsewhere, loud)


def _second_account(server: Server) -> str:
    data = ("--data", str(server.data), "--json")
    command("accounts", "create", "quiet", "--credits", "1000000", *data, env=server.environment)
    made = json.loads(command("keys", "create", "--account", "quiet", *data, env=server.environment))
    return str(made["key"])


@dataclass(frozen=True, slots=True)
class Quiet:
    """An account that brings a small picture and has it worked on, now and then."""

    port: int
    key: str

    async def lives(self, many: int, every_s: float, after_s: float = 0.0) -> Felt:
        """One after `every_s` seconds, however long those before take; the first after `after_s`."""
        felt, begun = Felt(), time.perf_counter() + after_s
        async with asyncio.TaskGroup() as group:
            for number in range(many):
                await asyncio.sleep(begun + number * every_s - time.perf_counter())
                group.create_task(self._once(felt))
        return felt

    async def _once(self, felt: Felt) -> None:
        token = await _timed(self._uploads(), felt.upload)
        await _timed(self._has_worked(token), felt.task)

    async def _uploads(self) -> str:
        return (await self._insists("POST", UPLOAD, *_form()))["image_token"]

    async def _has_worked(self, token: str | None) -> None:
        """From the request to the end; without a picture if that found no way in."""
        body: dict[str, object] = {"type": "generate_image", "prompt": "a lighthouse"}
        if token is not None:
            body["file"] = {"type": "png", "file_token": token}
        await self._end_of((await self._insists("POST", TASK, json.dumps(body).encode()))["task_id"])

    async def _end_of(self, task: str) -> None:
        while (status := (await self._insists("GET", f"{TASK}/{task}"))["status"]) != "success":
            assert status in {"queued", "running"}, status
            await asyncio.sleep(LOOK_S)

    async def _insists(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> dict[str, str]:
        """Ask until it is answered: after an answer that says when, again then."""
        wire = load.request(method, path, key=self.key, body=body, kind=kind)
        while True:
            status, said = await load.ask(self.port, wire)
            if status == 200:
                found: dict[str, str] = json.loads(said)["data"]
                return found
            assert status in {429, 503}, said
            await asyncio.sleep(LOOK_S)


async def _timed(work: Awaitable[T], took_s: list[float]) -> T | None:
    """What came of it, and how long it took; None after a timeout."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await work
    except TimeoutError:
        return None
    finally:
        took_s.append(time.perf_counter() - began)


def _form() -> tuple[bytes, str]:
    picture = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(picture, "PNG")
    head = b'--bench\r\nContent-Disposition: form-data; name="file"; filename="picture.png"\r\n\r\n'
    return head + picture.getvalue() + b"\r\n--bench--\r\n", "multipart/form-data; boundary=bench"


def main() -> None:
    asked = _parser().parse_args()
    size = replace(FULL, tasks=asked.tasks, abuse=FULL.abuse.only(asked.load) if asked.load else FULL.abuse)
    for figure in figures(size, [asked.database] if asked.database else tuple(_DATABASES)):
        print(figure, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.neighbour", description=__doc__)
    parser.add_argument("--database", choices=tuple(_DATABASES), help="default: both, one after the other")
    parser.add_argument("--load", choices=KINDS, help="default: all together")
    parser.add_argument("--tasks", type=int, default=FULL.tasks, help="of the quiet account, one a second")
    return parser


if __name__ == "__main__":
    main()
