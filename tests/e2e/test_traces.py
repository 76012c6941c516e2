"""One trace from the request over the worker and the vendor to the webhook, through several processes."""

import asyncio
import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contract.client import client_of
from crash.emulators import EmulatorProcess, run_emulators
from e2e.test_processes import working
from otlp_collector import CollectedSpan, Collector, collecting
from serving import Served, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "shop=7"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
WRONG = ("", "00-0-0-01", f"ff-{TRACE}-{PARENT}-01", "x" * 4000, f"00-{'0' * 32}-{PARENT}-01")
NAMES = (
    "POST /v2/openapi/task",
    "limner.queue",
    "limner.task",
    "limner.attempt",
    "generate_content flux-kontext-pro",
    "limner.keep",
    "limner.settle",
    "limner.webhook",
)
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@pytest.fixture(scope="module")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    with run_emulators(tmp_path_factory.mktemp("emulators") / "books.jsonl") as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    return {} if request.param == "sqlite" else {"database_url": request.getfixturevalue("postgres_url")}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@dataclass
class HookReceiver:
    """`headers` are those of the messages that came, with names in small letters."""

    url: str
    headers: "queue.Queue[dict[str, str]]"


@pytest.fixture
def receiver() -> Iterator[HookReceiver]:
    received: queue.Queue[dict[str, str]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            received.put({name.lower(): value for name, value in self.headers.items()})
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 - the base class names it

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield HookReceiver(f"http://127.0.0.1:{server.server_port}/hook", received)
        server.shutdown()


@contextmanager
def traced(data: Path, collector: Collector, *arguments: str, **settings: str) -> Iterator[Served]:
    with serving(data, *arguments, vendors=QUICK, traces_url=collector.url, **settings) as server:
        yield server


@dataclass(frozen=True)
class Bought:
    """What `tests/crash` configures: one route to the emulator of BFL, polled quickly."""

    environment: dict[str, str]

    @classmethod
    def at(cls, emulators: EmulatorProcess) -> "Bought":
        route = {"model": "flux.1_kontext_pro", "provider": "bfl", "upstream": "flux-kontext-pro", "deadline_s": 60}
        chosen = {"LIMNER_ROUTE": json.dumps([route]), "LIMNER_PROVIDER__BFL__OPTIONS": '{"poll_s": 0.05}'}
        return cls({**emulators.environment, **chosen, **QUICK})


def of(collector: Collector, name: str) -> CollectedSpan:
    return collector.named(name)[-1]


def test_a_trace_goes_on_after_a_worker_was_killed(
    tmp_path: Path, database: dict[str, str], emulators: EmulatorProcess, collector: Collector, receiver: HookReceiver
) -> None:
    bought = Bought.at(emulators)
    settings = {"traces_url": collector.url, "fetch_allow": "127.0.0.1", "engine": "builtin"} | database
    with serving(tmp_path / "data", "--api-only", vendors=bought.environment, **settings) as server:
        client = client_of(server)
        webhook = json.dumps({"url": receiver.url, "events": ["task.succeeded"]}).encode()
        assert client.call("POST", "/v1/webhooks", webhook, {"Content-Type": "application/json"}).status == 200
        asyncio.run(emulators.hold("bfl", "poll", "received"))
        task = str(client.create(CALLER, prompt="a fox", model_version="flux.1_kontext_pro").data["task_id"])
        with working(server) as first:
            asyncio.run(emulators.wait_until_held("bfl"))
            first.kill()
        asyncio.run(emulators.release("bfl"))
        with working(server):
            headers = receiver.headers.get(timeout=60)
            collector.wait(*NAMES)

    spans = {name: of(collector, name) for name in NAMES}
    request, run, attempt = spans[NAMES[0]], spans["limner.task"], spans["limner.attempt"]
    vendor, sent = spans[NAMES[4]], spans["limner.webhook"]
    assert {span.trace_id for span in spans.values()} == {TRACE}
    assert {span.service for span in spans.values()} == {"limner"}
    assert (request.parent_id, request.kind) == (PARENT, "server")
    assert request.attributes["http.response.status_code"] == 200
    assert {spans[name].parent_id for name in ("limner.queue", "limner.task", "limner.webhook")} == {request.span_id}
    assert (run.kind, run.attributes["limner.task.id"], run.attributes["limner.task.claims"]) == ("consumer", task, 2)
    assert (run.attributes["limner.task.status"], run.attributes["limner.task.credits"]) == ("success", 5)
    assert {attempt.parent_id, spans["limner.settle"].parent_id} == {run.span_id}
    assert {vendor.parent_id, spans["limner.keep"].parent_id} == {attempt.span_id}
    assert (attempt.attributes["limner.attempt.resumed"], attempt.attributes["limner.attempt.outcome"]) == (
        True,
        "picture",
    )
    assert vendor.kind == sent.kind == "client"
    assert vendor.attributes.items() >= GEN_AI.items()
    assert headers["traceparent"] == f"00-{TRACE}-{sent.span_id}-01"
    assert "tracestate" not in headers
    assert sent.attributes.items() >= {"http.response.status_code": 204, "server.address": "127.0.0.1"}.items()
    assert not any(span.failed for span in spans.values())


GEN_AI = {
    "gen_ai.operation.name": "generate_content",
    "gen_ai.output.type": "image",
    "gen_ai.provider.name": "bfl",
    "gen_ai.request.model": "flux-kontext-pro",
}


def test_a_failed_attempt_says_how_it_failed(tmp_path: Path, emulators: EmulatorProcess, collector: Collector) -> None:
    bought = Bought.at(emulators)
    chosen = {"traces_url": collector.url, "engine": "builtin"}
    with serving(tmp_path / "data", vendors=bought.environment, **chosen) as server:
        client_of(server).done(prompt="#fault:moderated", model_version="flux.1_kontext_pro")
        attempt, vendor, run = collector.wait("limner.attempt", NAMES[4], "limner.task")

    assert attempt.failed
    assert vendor.failed
    assert {attempt.attributes["error.type"], vendor.attributes["error.type"]} == {"content_policy"}
    assert run.attributes["limner.task.status"] == "banned"
    assert not any("#fault" in str(span.attributes) for span in collector.spans)


def test_a_trace_begins_here_without_a_caller_and_reads_begin_none(tmp_path: Path, collector: Collector) -> None:
    with traced(tmp_path / "data", collector) as server:
        client = client_of(server)
        done = client.done()
        client.get(f"/v2/openapi/task/{done['task_id']}", CALLER)
        [request, run, read] = collector.wait("POST /v2/openapi/task", "limner.task", "GET /v2/openapi/task/{task_id}")

    assert request.parent_id == ""
    assert run.trace_id == request.trace_id
    assert (read.trace_id, read.parent_id) == (TRACE, PARENT)
    assert len([span for span in collector.spans if span.kind == "server" and span.name.startswith("GET")]) == 1


def test_what_is_no_traceparent_is_ignored_and_who_asks_for_no_record_gets_none(
    tmp_path: Path, collector: Collector
) -> None:
    with traced(tmp_path / "data", collector) as server:
        client = client_of(server)
        for wrong in (
            "",
            "00-0-0-01",
            "ff" + CALLER["traceparent"][2:],
            "x" * 4000,
            "00-" + "0" * 32 + f"-{PARENT}-01",
        ):
            assert client.create({"traceparent": wrong}).status == 200
        client.wait(str(client.create(UNSAMPLED).data["task_id"]))
        client.create({**CALLER, "tracestate": ",".join(f"k{n}={'v' * 200}" for n in range(30))})
        collector.wait_until(lambda: TRACE in {span.trace_id for span in collector.named("limner.task")})
        server.stop()

    assert sum(span.trace_id == TRACE for span in collector.named("POST /v2/openapi/task")) == 1
    assert len(collector.named("POST /v2/openapi/task")) == 6


def test_no_task_waits_for_a_collector_that_does_not_answer(tmp_path: Path) -> None:
    with serving(tmp_path / "data", vendors=QUICK, traces_url="http://127.0.0.1:9", log=tmp_path / "log") as server:
        assert client_of(server).done()["status"] == "success"
        assert server.stop() == 0


def test_the_last_spans_are_exported_when_a_server_stops(tmp_path: Path, collector: Collector) -> None:
    slow = {"OTEL_BSP_SCHEDULE_DELAY": "60000"}
    with serving(tmp_path / "data", vendors=slow, traces_url=collector.url) as server:
        client_of(server).done()
        before = len(collector.spans)
        server.stop()

    assert before == 0
    assert {"limner.task", "limner.settle", "limner.keep"} <= {span.name for span in collector.spans}


def test_log_lines_of_a_task_name_its_trace(tmp_path: Path, collector: Collector) -> None:
    log = tmp_path / "log"
    with traced(tmp_path / "data", collector, log=log, log_level="info", log_format="json") as server:
        client = client_of(server)
        client.wait(str(client.create(CALLER).data["task_id"]))
        server.stop()

    [ended] = [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == "task ended"]
    assert ended["trace_id"] == TRACE


def test_without_opentelemetry_the_setting_is_refused_with_the_remedy(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden" / "opentelemetry"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError('no opentelemetry', name='opentelemetry')")
    environment = os.environ | {"PYTHONPATH": str(hidden.parent), "LIMNER_TRACES_URL": "http://127.0.0.1:4318"}
    command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    done = subprocess.run(
        command, env=environment | {"LIMNER_ENGINE": "sandbox"}, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert re.search(r"opentelemetry is not installed: run `pip install limner\[otel\]`", done.stderr)
