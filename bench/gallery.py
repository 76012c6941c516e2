"""What a thumbnail costs when it is made and when it is sent again, and what a scrape of the metrics costs."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import load
from bench.complete import PATH, beside, complete_round
from bench.report import Figure
from bench.server import Server, command, vendor


@dataclass(frozen=True, slots=True)
class Size:
    pictures: int
    again: int
    scrapes: int


FULL = Size(pictures=60, again=2000, scrapes=50)
SHORT = Size(pictures=3, again=20, scrapes=2)
CONNECTIONS = 4
KIB = 1024


def figures(size: Size) -> Iterator[Figure]:
    """The pictures have 1.6 MB of noise, which compresses worst."""
    with vendor(0, 1.5552) as at, beside(at, {}) as server:
        complete_round(server, size.pictures)
        links = _links(server, size.pictures)
        made, made_ms = _fetched(server, links)
        _, again_ms = _fetched(server, [links[n % len(links)] for n in range(size.again)])
        scraped, scrape_ms = _scraped(server, size.scrapes)
    yield Figure("thumbnail_made_cpu", made_ms, "ms")
    yield Figure("thumbnail_again_cpu", again_ms, "ms")
    yield Figure("thumbnail_largest", max(map(len, made)) / KIB, "KiB")
    yield Figure("scrape_cpu", scrape_ms, "ms")
    yield Figure("scrape_series", sum(not line.startswith("#") for line in scraped.splitlines()), "series")


def _links(server: Server, many: int) -> list[str]:
    wire = load.request("GET", f"{PATH}s?limit={many}", key=server.key)
    (answer,) = load.run(server.port, lambda _: wire, 1, 1, keep_bodies=True).bodies
    return [f"/{task['thumbnail_url'].split('/', 3)[3]}" for task in json.loads(answer)["data"]["tasks"]]


def _fetched(server: Server, links: list[str]) -> tuple[list[bytes], float]:
    """The bodies, and milliseconds of CPU for each, of the server and of the processes that it started."""
    return _measured(server, lambda n: load.request("GET", links[n]), len(links), CONNECTIONS)


def _scraped(server: Server, many: int) -> tuple[str, float]:
    """The last page. Figures over the database are kept for two seconds, so that most scrapes read none."""
    created = ("keys", "create", "--scope", "admin", "--data", str(server.data), "--json")
    key = json.loads(command(*created, env=server.environment))["key"]
    wire = load.request("GET", "/metrics", key=key)
    pages, cpu_ms = _measured(server, lambda _: wire, many, 1)
    return pages[-1].decode(), cpu_ms


def _measured(server: Server, build: Callable[[int], bytes], many: int, connections: int) -> tuple[list[bytes], float]:
    before = _cpu_s(server)
    tally = load.run(server.port, build, many, connections, keep_bodies=True)
    assert set(tally.statuses) == {200}, tally.statuses
    return tally.bodies, (_cpu_s(server) - before) * 1000 / many


def _cpu_s(server: Server) -> float:
    """Of the process and its children."""
    ids = [server.process.pid]
    for each in ids:
        for thread in Path(f"/proc/{each}/task").iterdir():
            ids += [int(child) for child in (thread / "children").read_text().split()]
    return sum(map(_of_process, ids))


def _of_process(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
