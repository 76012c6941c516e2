"""MCP's extension for tasks (SEP-2663, `io.modelcontextprotocol/tasks`), on Limner's own tasks.

A client that declares it gets the handle of a task for `generate_image`, and follows it with `tasks/get` and
`tasks/cancel`. Tasks are rows of the database: they outlive the connection and the server.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolRequestParams, CallToolResult, RequestParams

from limner.agents import results
from limner.agents.tools import AgentSession, OpenSession, answered_as_task
from limner_client import CallRefused, PictureTask

IDENTIFIER = "io.modelcontextprotocol/tasks"
POLL_MS = 2000
RequestContext = ServerRequestContext[Any, Any]


class NamedTaskParams(RequestParams):
    task_id: str


class TasksExtension(Extension):
    identifier = IDENTIFIER

    def __init__(self, open_session: OpenSession) -> None:
        self._open_session = open_session

    def methods(self) -> Sequence[MethodBinding]:
        return (
            MethodBinding("tasks/get", NamedTaskParams, self._get),
            MethodBinding("tasks/cancel", NamedTaskParams, self._cancel),
            MethodBinding("tasks/update", NamedTaskParams, self._update),
        )

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: RequestContext, call_next: CallNext
    ) -> HandlerResult:
        if params.name != "generate_image" or not _is_declared(ctx):
            return await call_next(ctx)
        token = answered_as_task.set(True)
        try:
            result = await call_next(ctx)
        finally:
            answered_as_task.reset(token)
        if not isinstance(result, CallToolResult) or result.is_error:
            return result
        task = await self._session(ctx).client.get(result.structured_content["task_id"])
        return {"resultType": "task", **_handle(task)}

    async def _get(self, ctx: RequestContext, params: NamedTaskParams) -> HandlerResult:
        require_client_extension(ctx, IDENTIFIER)
        session = self._session(ctx)
        task = await _known(session, params.task_id)
        detailed = {"resultType": "complete", **_handle(task)}
        if detailed["status"] == "completed":
            session.spending.ended(task.id, task.credits)
            result = await results.of_task(task, session.client.calls, preview=True)
            detailed["result"] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        return detailed

    async def _cancel(self, ctx: RequestContext, params: NamedTaskParams) -> HandlerResult:
        require_client_extension(ctx, IDENTIFIER)
        session = self._session(ctx)
        await _known(session, params.task_id)
        await session.client.cancel(params.task_id)
        return {"resultType": "complete"}

    async def _update(self, ctx: RequestContext, params: NamedTaskParams) -> HandlerResult:
        """No task asks for input, so there is nothing to take."""
        require_client_extension(ctx, IDENTIFIER)
        await _known(self._session(ctx), params.task_id)
        return {"resultType": "complete"}

    def _session(self, ctx: RequestContext) -> AgentSession:
        return self._open_session(Context(request_context=ctx))


def _is_declared(ctx: RequestContext) -> bool:
    declared = ctx.session.client_capabilities
    return bool(declared and declared.extensions and IDENTIFIER in declared.extensions)


async def _known(session: AgentSession, task_id: str) -> PictureTask:
    try:
        return await session.client.get(task_id)
    except CallRefused as refusal:
        raise MCPError(code=INVALID_PARAMS, message=f"{refusal.message}. {refusal.suggestion}") from None


def _handle(task: PictureTask) -> dict[str, Any]:
    """Of a task that failed the call is complete: its result is the tool's error."""
    status = "working" if not task.has_ended else "cancelled" if task.status == "cancelled" else "completed"
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    made = datetime.fromtimestamp(int(task.raw.get("create_time", 0)), UTC)
    return {
        "taskId": task.id,
        "status": status,
        "statusMessage": f"{task.status}, {task.progress} %",
        "createdAt": made.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "lastUpdatedAt": now,
        "ttlMs": None,
        "pollIntervalMs": POLL_MS,
    }
