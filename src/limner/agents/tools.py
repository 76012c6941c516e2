"""The tools, as agents call them. Each is one or a few calls of the API with the caller's own key."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult
from pydantic import Field

from limner.agents import results
from limner.agents.references import HOW, ReadFile, reference_of
from limner.agents.spending import SessionSpending
from limner_client import AsyncLimnerClient, CallRefused, LimnerError, PictureTask, WaitTimedOut
from limner_client.transport import TransportFailed

LONGEST_WAIT_S = 25
"""Desktop clients give a call up after 30 to 60 seconds."""

answered_as_task: ContextVar[bool] = ContextVar("answered_as_task", default=False)
"""Whether `generate_image` answers at once, because the client follows tasks by itself."""

Prompt = Annotated[str, Field(description="What to draw. image[1], image[2] name the references.")]
References = Annotated[list[str], Field(default_factory=list, description=f"Pictures to work from. {HOW}.")]
Model = Annotated[str | None, Field(description="A name of list_models; without it the server chooses.")]
TemplateName = Annotated[str | None, Field(description="A name of list_templates, whose text goes before the prompt.")]
Number = Annotated[int, Field(ge=1, le=10, description="How many pictures; each costs its price.")]
Shape = Annotated[str | None, Field(description="Width to height, as 3:4 or 16:9.")]
PictureSize = Annotated[str | None, Field(description="1K, 2K, 4K, or pixels as 1024x768.")]
Quality = Literal["low", "medium", "high", "xhigh", "max"]
Wait = Annotated[float, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for the end of the task.")]
TaskName = Annotated[str, Field(description="The task_id of generate_image.")]
Preview = Annotated[bool, Field(description="Whether a small preview comes with the result.")]
AgentContext = Context[Any, Any]


@dataclass(frozen=True, slots=True)
class AgentSession:
    """What a call works with: the caller's client, how it names files, and what it may spend."""

    client: AsyncLimnerClient
    read_file: ReadFile
    spending: SessionSpending = field(default_factory=SessionSpending)


OpenSession = Callable[[AgentContext], AgentSession]


@dataclass(frozen=True, slots=True)
class AgentTools:
    open_session: OpenSession

    async def generate_image(
        self,
        ctx: AgentContext,
        *,
        prompt: Prompt,
        references: References,
        template: TemplateName = None,
        model: Model = None,
        n: Number = 1,
        aspect_ratio: Shape = None,
        size: PictureSize = None,
        quality: Quality | None = None,
        wait_s: Wait = 20,
        preview: Preview = True,
    ) -> CallToolResult:
        """Generate or edit pictures from words and reference pictures. It costs credits.

        Returns the finished task with links and a preview, or after `wait_s` seconds the id of a task that goes on.
        """
        session = self.open_session(ctx)
        options = {"n": n if n > 1 else None, "aspect_ratio": aspect_ratio, "size": size, "quality": quality}
        fields = {name: value for name, value in options.items() if value is not None}
        async with _reworded():
            given = [await reference_of(each, session.client, session.read_file) for each in references]
            asked = {"references": given, "template": template, "model": model, **fields}
            task = await _submitted(session, prompt, asked)
            await ctx.report_progress(0, 100, f"Task {task.id} is accepted.")
            if answered_as_task.get():
                return await results.of_task(task, session.client.calls, preview=False)
            return await _waited(ctx, session, task.id, wait_s, preview=preview)

    async def get_task(self, ctx: AgentContext, *, task_id: TaskName, preview: Preview = True) -> CallToolResult:
        """Read a task: its status, and its pictures once it is done."""
        session = self.open_session(ctx)
        async with _reworded():
            return await _shown(session, await session.client.get(task_id), preview=preview)

    async def wait_task(
        self, ctx: AgentContext, *, task_id: TaskName, wait_s: Wait = 20, preview: Preview = True
    ) -> CallToolResult:
        """Wait for the end of a task, and read it."""
        session = self.open_session(ctx)
        async with _reworded():
            return await _waited(ctx, session, task_id, wait_s, preview=preview)

    async def cancel_task(self, ctx: AgentContext, *, task_id: TaskName) -> CallToolResult:
        """Cancel a task. What was not delivered yet is not charged."""
        session = self.open_session(ctx)
        async with _reworded():
            return await _shown(session, await session.client.cancel(task_id), preview=False)

    async def list_models(self, ctx: AgentContext) -> CallToolResult:
        """List the models with their prices in credits and how many references each takes."""
        async with _reworded():
            models = await self.open_session(ctx).client.models()
        names = ("model_version", "title", "credits", "reference_images", "aliases")
        return results.plain({"models": [{name: each[name] for name in names if name in each} for each in models]})

    async def list_templates(self, ctx: AgentContext) -> CallToolResult:
        """List the templates: named texts, some with pictures, that go before a prompt."""
        async with _reworded():
            templates = await self.open_session(ctx).client.templates()
        names = ("template", "title", "summary", "needs_image", "best_with")
        return results.plain(
            {"templates": [{name: each[name] for name in names if name in each} for each in templates]}
        )

    async def quote(
        self,
        ctx: AgentContext,
        *,
        prompt: Prompt,
        template: TemplateName = None,
        model: Model = None,
        n: Number = 1,
    ) -> CallToolResult:
        """Tell what a picture would cost and what stands against it. Nothing is spent."""
        session = self.open_session(ctx)
        async with _reworded():
            found = await session.client.quote(prompt, template=template, model=model, n=n)
        names = ("price", "n", "model", "tasks_ahead", "funds", "ignored", "problems")
        facts = {name: found[name] for name in names if name in found}
        if session.spending.limit is not None:
            facts["session_credits_left"] = session.spending.limit - session.spending.spent
        return results.plain(facts)


async def _submitted(session: AgentSession, prompt: str, asked: dict[str, Any]) -> PictureTask:
    if session.spending.limit is None:
        return await session.client.submit(prompt, **asked)
    price = int((await session.client.quote(prompt, **asked))["price"] or 0)
    session.spending.take(price)
    try:
        task = await session.client.submit(prompt, **asked)
    except CallRefused:
        session.spending.give_back(price)
        raise
    session.spending.belongs_to(task.id, price)
    return task


async def _waited(
    ctx: AgentContext, session: AgentSession, task_id: str, wait_s: float, *, preview: bool
) -> CallToolResult:
    """The task once it has ended, or as it is after this time; the client is told of its progress meanwhile."""
    news: asyncio.Queue[PictureTask] = asyncio.Queue()
    async with _reporting(ctx, news):
        try:
            task = await session.client.wait(task_id, timeout_s=wait_s, on_progress=news.put_nowait)
        except WaitTimedOut:
            task = await session.client.get(task_id)
    return await _shown(session, task, preview=preview)


@asynccontextmanager
async def _reporting(ctx: AgentContext, news: "asyncio.Queue[PictureTask]") -> AsyncIterator[None]:
    async def report() -> None:
        while True:
            task = await news.get()
            await ctx.report_progress(task.progress, 100, f"Task {task.id} is {task.status}.")

    reporting = asyncio.create_task(report())
    try:
        yield
    finally:
        reporting.cancel()


async def _shown(session: AgentSession, task: PictureTask, *, preview: bool) -> CallToolResult:
    if task.has_ended:
        session.spending.ended(task.id, task.credits)
    return await results.of_task(task, session.client.calls, preview=preview)


@asynccontextmanager
async def _reworded() -> AsyncIterator[None]:
    """Errors of calls as sentences that an agent can act on."""
    try:
        yield
    except CallRefused as refusal:
        said = refusal.suggestion or refusal.message
        raise ToolError(f"{refusal.message}. {said} Nothing was spent. (code {refusal.code})") from None
    except (LimnerError, TransportFailed) as error:
        raise ToolError(f"{error}. Call again later; a task that was accepted goes on.") from None


def all_tools(tools: AgentTools) -> Sequence[Callable[..., Any]]:
    return (
        tools.generate_image,
        tools.get_task,
        tools.wait_task,
        tools.cancel_task,
        tools.list_models,
        tools.list_templates,
        tools.quote,
    )
