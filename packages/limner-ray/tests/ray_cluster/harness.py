"""Starts the cluster and deploys the application to it."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray_cluster.gate import Gate
from ray_cluster.jobs_client import JobsClient

from limner_ray.settings import settings_of

KEY = "a-key-of-the-tests"
STORE_BYTES = 80 * 2**20
NODE = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
STARTS = 5
"""A node that has not begun within 15 seconds gives up, and a busy machine takes longer: then it is started again."""

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray keeps to the loopback address, as it does on those systems
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "0.5",
    "PYTHONPATH": str(Path(__file__).parent / "engines"),
}


@dataclass
class RayHarness:
    """The cluster, the application's settings, and the two ends of what it does."""

    table: dict[str, Any]
    gate: Gate
    client: JobsClient
    cluster: Any = None
    nodes: list[Any] = field(default_factory=list)

    def start(self) -> None:
        """A head and another node, each for one drawing at a time."""
        from ray.cluster_utils import Cluster

        head = NODE | {"include_dashboard": False}
        self.cluster = begun(lambda: Cluster(initialize_head=True, head_node_args=head))
        self.cluster.connect()
        self.add_node()

    def stop(self) -> None:
        """As by a power cut in the room: every process of the cluster is killed."""
        import ray

        ray.shutdown()
        self.cluster.shutdown()
        self.nodes.clear()

    def add_node(self) -> Any:
        added = begun(lambda: self.cluster.add_node(**NODE))
        self.nodes.append(added)
        return added

    def kill_node(self, killed: Any) -> None:
        """Nothing on it is told."""
        self.nodes.remove(killed)
        self.cluster.remove_node(killed, allow_graceful=False)

    def deploy(self, **changed: Any) -> None:
        """Deploy with these fields of the gated engine changed."""
        from limner_ray.application import deploy

        self.table["engine"][0] |= changed
        deploy(settings_of(self.table))

    def deploy_beside(self, **changed: Any) -> "subprocess.Popen[bytes]":
        """The same by the command, which waits until everything is ready."""
        self.table["engine"][0] |= changed
        file = Path(self.table["state"]).parent / "limner-ray.toml"
        file.write_text(in_toml(self.table))
        command = [sys.executable, "-m", "limner_ray.cli", "deploy", str(file), "--address", self.cluster.address]
        return subprocess.Popen(command)

    def replicas(self) -> dict[str, int]:
        """The number of the gated engine's replicas, by state."""
        from ray import serve

        states = serve.status().applications["limner"].deployments["gated"].replica_states
        return {str(getattr(state, "value", state)): number for state, number in states.items()}


@contextmanager
def running_cluster(folder: Path) -> Iterator[RayHarness]:
    port, gate = free_port(), Gate()
    key_file = folder / "key"
    key_file.write_text(f"{KEY}\n")
    gated = {
        "name": "gated",
        "engine": "gated_engine:GatedEngine",
        "folder": gate.address,
        "models": ["near", "far", "third"],
        "min_replicas": 2,
        "max_replicas": 2,
        "jobs_per_replica": 1,
        "upscale_delay_s": 0,
        "downscale_delay_s": 1,
        "look_back_s": 3,
        "drain_s": 60,
    }
    builtin = {
        "name": "builtin",
        "engine": "builtin",
        "models": ["limner-builtin"],
        "cpus": 0,
        "warm_up": "limner-builtin",
    }
    table = {
        "state": str(folder / "state"),
        "port": port,
        "key_file": str(key_file),
        "lease_s": 6,
        "max_unfinished": 20,
        "engine": [gated, builtin],
    }
    harness = RayHarness(table, gate, JobsClient(f"http://127.0.0.1:{port}", KEY))
    harness.start()
    try:
        harness.deploy()
        yield harness
    finally:
        harness.stop()


def begun(start: Callable[[], Any]) -> Any:
    """What is started, in one of several tries."""
    for _ in range(STARTS - 1):
        with contextlib.suppress(Exception):
            return start()
    return start()


def in_toml(table: dict[str, Any]) -> str:
    """A table of plain values, with the tables of its engines behind them."""
    plain = {name: value for name, value in table.items() if name != "engine"}
    lines = [*_lines(plain), *(line for engine in table["engine"] for line in ("[[engine]]", *_lines(engine)))]
    return "\n".join(lines) + "\n"


def _lines(values: dict[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in values.items()]


def _value(value: Any) -> str:
    return f"{{ {', '.join(_lines(value))} }}" if isinstance(value, dict) else json.dumps(value)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
