"""Limner beside gateways that relay a vendor's call, in front of one vendor: `make bench-peers`.

Each gets the same call of OpenAI's Images API and hands back the picture. The gateways relay it and keep nothing;
Limner answers when the task is accepted durably, bought, decoded, kept and settled. `litellm` is looked for on PATH,
and PORTKEY names the folder of Portkey's package.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from bench import load
from bench.server import Server, limner, vendor

PATH = "/v1/images/generations"
SIZES = {"1 KB": 0.001, "2 MB": 1.5552}
AT_ONCE = (1, 32, 500)
DELAYS_S = (0, 1, 20)
KEY = "sk-bench"
START_S = 120
WARM = 100
"""Calls before those that are counted: a new process is slower for its first dozens."""

_numbers = count()


@dataclass(frozen=True, slots=True)
class Cell:
    """One gateway, size, delay and number of calls at once. Latencies in milliseconds, CPU for each call."""

    who: str
    size: str
    delay_s: int
    at_once: int
    calls: int
    refused: int
    per_second: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    peak_mib: float


Start = Callable[[Server], "contextlib.AbstractContextManager[Server]"]


@contextlib.contextmanager
def _direct(at: Server) -> Iterator[Server]:
    yield at


@contextlib.contextmanager
def _limner(at: Server) -> Iterator[Server]:
    keys = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"http://127.0.0.1:{at.port}/v1"}
    with limner({"account_tasks": "1000000", "default_model": "gpt_image_2"}, vendors=keys) as server:
        yield server


@contextlib.contextmanager
def _litellm(at: Server) -> Iterator[Server]:
    """Its proxy with one model and no database, so that it writes nothing."""
    model = {"model": "openai/gpt-image-1", "api_key": KEY, "api_base": f"http://127.0.0.1:{at.port}/v1"}
    listed = {"model_list": [{"model_name": "gpt-image-1", "litellm_params": model}]}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(listed))  # JSON is YAML
        port = _free_port()
        quiet = {"LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        command = ["litellm", "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        with _program([*command, "--num_workers", "1"], port, quiet) as server:
            yield server


@contextlib.contextmanager
def _portkey(_: Server) -> Iterator[Server]:
    """Its gateway; each call names the vendor in a header."""
    port = _free_port()
    script = Path(os.environ["PORTKEY"]) / "build" / "start-server.js"
    with _program(["node", str(script), f"--port={port}", "--headless"], port, {"NODE_ENV": "production"}) as server:
        yield server


@contextlib.contextmanager
def _program(command: list[str], port: int, environment: dict[str, str]) -> Iterator[Server]:
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )
    began = time.perf_counter()
    try:
        while not _listens(port):
            if process.poll() is not None or time.perf_counter() - began > START_S:
                raise RuntimeError(f"{command} did not start")
            time.sleep(0.1)
        yield Server(process, port, KEY, Path(), time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


WHO: dict[str, Start] = {"direct": _direct, "LiteLLM": _litellm, "Portkey": _portkey, "Limner": _limner}


def _request(who: str, server: Server, at: Server) -> bytes:
    body = json.dumps({"model": "gpt-image-1", "prompt": f"lighthouse {next(_numbers)} on a cliff at dusk"}).encode()
    headers = ""
    if who == "Portkey":
        headers = f"x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:{at.port}/v1\r\n"
    return load.request("POST", PATH, key=server.key or KEY, body=body, headers=headers)


def _calls(delay_s: int, at_once: int, *, short: bool) -> int:
    if delay_s >= 1:
        return at_once if short or delay_s > 1 else max(3, at_once)
    return {1: 30, 32: 160, 500: 500}[at_once] // (5 if short else 1)


def measured(who: str, size: str, delay_s: int, at_once: int, *, short: bool) -> Cell:
    """A gateway of its own for each cell, warm, so that its peak of memory is this cell's."""
    with vendor(min(20, delay_s), SIZES[size]) as at, WHO[who](at) as server:
        calls = _calls(delay_s, at_once, short=short)
        if delay_s < 20:
            load.run(server.port, lambda _: _request(who, server, at), WARM, min(at_once, 32))
        before = server.cpu_s()
        tally = load.run(server.port, lambda _: _request(who, server, at), calls, at_once)
        return Cell(
            who=who,
            size=size,
            delay_s=delay_s,
            at_once=at_once,
            calls=calls,
            refused=calls - tally.statuses.get(200, 0),
            per_second=round(tally.per_second, 1),
            p50_ms=round(tally.percentile_ms(0.5), 1),
            p95_ms=round(tally.percentile_ms(0.95), 1),
            cpu_ms=round((server.cpu_s() - before) * 1000 / calls, 2),
            peak_mib=round(server.peak_mib()),
        )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--short", action="store_true", help="fewer calls, to see that it works")
    options.add_argument("--save", type=Path, metavar="FILE", help="write the figures as JSON, too")
    options.add_argument("--delays", type=int, nargs="*", default=DELAYS_S)
    chosen = options.parse_args()
    cells = []
    for delay_s in chosen.delays:
        for size in SIZES:
            for at_once in AT_ONCE:
                for who in WHO:
                    cells.append(measured(who, size, delay_s, at_once, short=chosen.short))
                    print(cells[-1], flush=True)
                    if chosen.save:
                        chosen.save.write_text(json.dumps([asdict(each) for each in cells], indent=1) + "\n")


if __name__ == "__main__":
    main()
