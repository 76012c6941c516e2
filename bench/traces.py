"""What traces cost: complete tasks on a server that exports spans, beside one that does not, in turns."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.otlp_collector import collecting

from bench.complete import beside, complete_round
from bench.report import Figure
from bench.server import vendor


@dataclass(frozen=True, slots=True)
class Size:
    tasks: int
    warm: int
    rounds: int


FULL = Size(tasks=400, warm=50, rounds=5)
SHORT = Size(tasks=20, warm=1, rounds=1)


def figures(size: Size) -> Iterator[Figure]:
    """The collector runs in this process, so that its work is not in the figures."""
    with collecting() as collector, vendor(0, 0.001) as at:
        traced = {"traces_url": collector.url}
        with beside(at, {}) as plain_server, beside(at, traced) as traced_server:
            rounds: dict[int, list[float]] = {server.port: [] for server in (plain_server, traced_server)}
            for server in (plain_server, traced_server):
                complete_round(server, size.warm)
            for _ in range(size.rounds):
                for server in (plain_server, traced_server):
                    rounds[server.port].append(complete_round(server, size.tasks).cpu_ms)
    plain_ms, traced_ms = (sorted(rounds[each.port])[size.rounds // 2] for each in (plain_server, traced_server))
    yield Figure("traces_off_cpu", plain_ms, "ms/task")
    yield Figure("traces_on_cpu", traced_ms, "ms/task")
    yield Figure("traces_cost", (traced_ms / plain_ms - 1) * 100, "%")
    yield Figure("traces_spans", len(collector.spans) / (size.tasks * size.rounds + size.warm), "spans/task")
