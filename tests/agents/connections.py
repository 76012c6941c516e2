"""The published MCP client, connected to a real server over stdio and HTTP, with and without the tasks extension."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
import httpx2
from mcp import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, EmptyResult, Request, RequestParams, Result

from serving import Served

TASKS = "io.modelcontextprotocol/tasks"
MODES = ("legacy", "2026-07-28")
"""Of the client: the handshake of 2025-11-25, and the stateless protocol of 2026-07-28."""


class TaskHandle(Result):
    """What a call is answered with in place of its result."""

    result_type: Literal["task"] = "task"
    task_id: str
    status: str
    poll_interval_ms: int


class DetailedTask(Result):
    task_id: str
    status: str
    result: dict[str, Any] | None = None


class NamedTask(RequestParams):
    task_id: str


async def follow(handle: TaskHandle, context: ClaimContext) -> CallToolResult:
    """Poll a task to its end, as a client that implements the extension does."""
    task = await until_ended(context.session, handle.task_id)
    assert task.status == "completed"
    return CallToolResult.model_validate(task.result)


async def until_ended(session: Any, task_id: str) -> DetailedTask:
    while True:
        task = await ask_of_task(session, "tasks/get", task_id)
        if task.status != "working":
            return task
        await anyio.sleep(0.2)


async def ask_of_task(session: Any, method: str, task_id: str) -> DetailedTask:
    request = Request[NamedTask, str](method=method, params=NamedTask(task_id=task_id))
    found: DetailedTask = await session.send_request(request, DetailedTask)
    return found


async def cancel(session: Any, task_id: str) -> None:
    """The answer says nothing but that it was taken."""
    request = Request[NamedTask, str](method="tasks/cancel", params=NamedTask(task_id=task_id))
    await session.send_request(request, EmptyResult)


class FollowsTasks(ClientExtension):
    identifier = TASKS

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return (ResultClaim(result_type="task", model=TaskHandle, resolve=follow),)


Connect = Callable[..., Any]


@asynccontextmanager
async def over_stdio(
    served: Served, key: str, folder: Path, *arguments: str, mode: str = MODES[1], extensions: Sequence[Any] = ()
) -> AsyncIterator[Client]:
    command = ["-m", "limner", "mcp", "--url", served.url, *arguments]
    started = StdioServerParameters(command=sys.executable, args=command, env={"LIMNER_CLIENT_KEY": key}, cwd=folder)
    async with Client(started, mode=mode, extensions=list(extensions)) as client:
        yield client


@asynccontextmanager
async def over_http(
    served: Served, key: str, _folder: Path, *, mode: str = MODES[1], extensions: Sequence[Any] = ()
) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
        async with Client(transport, mode=mode, extensions=list(extensions)) as client:
            yield client


CONNECTIONS: dict[str, Connect] = {"stdio": over_stdio, "http": over_http}
Call = Callable[..., Awaitable[CallToolResult]]
