"""What agents and clients cost: the start of `limner mcp`, a tool's call beyond its task, and a thousand waits."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from operator import sub
from pathlib import Path
from statistics import median
from typing import IO, Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from bench.report import Figure
from bench.server import Server, limner
from limner_client import AsyncLimnerClient, PictureTask
from limner_client.http_transport import HttpTransport

SETTINGS = {"engine": "sandbox", "account_tasks": "1000000", "mcp": "true", "sign_images": "false"}
PROMPT = "a lighthouse on a cliff at dusk"
AT_ONCE = 8
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Size:
    starts: int
    calls: int
    waits: int


FULL = Size(starts=7, calls=200, waits=1000)
SHORT = Size(starts=1, calls=3, waits=20)


def figures(size: Size) -> list[Figure]:
    bare, imported = (median(_run_s(code) for _ in range(size.starts)) for code in ("pass", "import limner_client"))
    with limner(SETTINGS) as server:
        started = [Agent.ready_s(server) for _ in range(size.starts)]
        found = [
            Figure("client_import", (imported - bare) * 1000, "ms"),
            Figure("mcp_ready", median(started), "s"),
            *_stdio(server, size.calls),
            *asyncio.run(_http(server, size.calls)),
        ]
    with limner(SETTINGS, "--api-only") as server:
        return found + asyncio.run(_waits(server, size.waits))


def _run_s(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


# --- over standard input and output -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Agent:
    """`limner mcp`, spoken to as an agent does."""

    process: subprocess.Popen[bytes]
    _asked: int = 0

    @classmethod
    @contextmanager
    def started(cls, server: Server) -> Iterator["Agent"]:
        command = [sys.executable, "-m", "limner", "mcp", "--url", f"http://127.0.0.1:{server.port}"]
        environment = os.environ | {"LIMNER_CLIENT_KEY": server.key}
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            agent = cls(process)
            who = {"name": "bench", "version": "1"}
            agent.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": who})
            agent._send({"method": "notifications/initialized"})
            try:
                yield agent
            finally:
                agent._pipe(process.stdin).close()

    @classmethod
    def ready_s(cls, server: Server) -> float:
        """From the start of the process to its answer to the handshake."""
        began = time.perf_counter()
        with cls.started(server):
            return time.perf_counter() - began

    def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        for line in self._pipe(self.process.stdout):
            answer = json.loads(line)
            if answer.get("id") == self._asked:
                return answer["result"]
        raise RuntimeError("limner mcp ended")

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _send(self, message: Mapping[str, Any]) -> None:
        pipe = self._pipe(self.process.stdin)
        pipe.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        pipe.flush()

    def _pipe(self, pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe
        return pipe


def _stdio(server: Server, calls: int) -> list[Figure]:
    with Agent.started(server) as agent:
        made = agent.ask("tools/call", {"name": "generate_image", "arguments": {"prompt": PROMPT, "wait_s": 25}})
        read = {"name": "get_task", "arguments": {"task_id": made["structuredContent"]["task_id"], "preview": False}}
        before_s = agent.cpu_s()
        for _ in range(calls):
            assert not agent.ask("tools/call", read).get("isError")
        return [Figure("mcp_stdio_call_cpu", (agent.cpu_s() - before_s) * 1000 / calls, "ms/call")]


# --- over HTTP --------------------------------------------------------------------------------------------------------


async def _http(server: Server, calls: int) -> list[Figure]:
    """The server's CPU for tasks that tools make, beyond that of the same tasks by the API."""
    url, headers = f"http://127.0.0.1:{server.port}", {"Authorization": f"Bearer {server.key}"}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncLimnerClient(url, server.key))
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60))
        transport = streamable_http_client(f"{url}/mcp", http_client=http)
        agent = await stack.enter_async_context(Client(transport, mode="2026-07-28"))

        async def generate(*, preview: bool) -> None:
            asked = {"prompt": PROMPT, "wait_s": 25, "preview": preview}
            assert not (await agent.call_tool("generate_image", asked)).is_error

        bare, plain, shown = await _alternately(
            server,
            calls,
            lambda: client.generate(PROMPT),
            lambda: generate(preview=False),
            lambda: generate(preview=True),
        )
    return [
        Figure("mcp_task_by_api_cpu", median(bare), "ms/task"),
        Figure("mcp_http_call_cpu_beyond_task", median(map(sub, plain, bare)), "ms/call"),
        Figure("mcp_http_preview_cpu", median(map(sub, shown, plain)), "ms/call"),
    ]


async def _alternately(server: Server, calls: int, *kinds: Callable[[], Awaitable[object]]) -> list[list[float]]:
    """The server's CPU for calls of each kind, in rounds that take turns: the first, not counted, warms it up."""
    each_round = max(1, calls // ROUNDS)
    rounds = [[await _cpu_ms(server, each_round, kind) for kind in kinds] for _ in range(ROUNDS + 1)]
    return [list(of_kind) for of_kind in zip(*rounds[1:], strict=True)]


async def _cpu_ms(server: Server, calls: int, call: Callable[[], Awaitable[object]]) -> float:
    """The server's CPU for each of so many calls, some of them at once, after one that is not counted."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with places:
            await call()

    await call()
    before_s = server.cpu_s()
    await asyncio.gather(*(one() for _ in range(calls)))
    return (server.cpu_s() - before_s) * 1000 / calls


# --- waits ------------------------------------------------------------------------------------------------------------


class CountedTransport(HttpTransport):
    opened = 0

    def watch(self, path: str, headers: Mapping[str, str]) -> Any:
        self.opened += 1
        return super().watch(path, headers)


async def _waits(server: Server, many: int) -> list[Figure]:
    """So many waits of one client; the tasks are then cancelled, one after the other."""
    transport = CountedTransport(f"http://127.0.0.1:{server.port}")
    async with AsyncLimnerClient(key=server.key, transport=transport) as client:
        tasks = [each.id for each in await _submitted(client, many)]
        ended: dict[str, float] = {}

        async def wait(task: str) -> None:
            await client.wait(task)
            ended[task] = time.perf_counter()

        opened, before_s = asyncio.Event(), time.process_time()
        first = asyncio.create_task(client.wait(tasks[0], on_progress=lambda _: opened.set()))
        waits = [asyncio.create_task(wait(task)) for task in tasks[1:]]
        await opened.wait()
        open_s = time.process_time() - before_s
        cancelled = {task: await _cancelled(client, task) for task in tasks[1:]}
        await _cancelled(client, tasks[0])
        await asyncio.gather(first, *waits)
    delays = sorted(ended[task] - cancelled[task] for task in tasks[1:])
    return [
        Figure("client_waits_cpu", open_s * 1000 / many, "ms/wait"),
        Figure("client_waits_delay_p50", median(delays) * 1000, "ms"),
        Figure("client_waits_delay_p99", delays[int(len(delays) * 0.99)] * 1000, "ms"),
        Figure("client_waits_websockets", transport.opened, "sockets"),
    ]


async def _submitted(client: AsyncLimnerClient, many: int) -> list[PictureTask]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one() -> PictureTask:
        async with places:
            return await client.submit(PROMPT)

    return await asyncio.gather(*(one() for _ in range(many)))


async def _cancelled(client: AsyncLimnerClient, task: str) -> float:
    """When its cancel was asked for."""
    asked = time.perf_counter()
    await client.cancel(task)
    return asked
