"""MCP over standard input and output, for an agent on this machine; its calls go to a server by HTTP."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from limner.agents.references import AllowedFolders
from limner.agents.server import agent_server
from limner.agents.spending import SessionSpending
from limner.agents.tools import AgentSession
from limner_client import AsyncLimnerClient


def serve_stdio(url: str | None, key: str | None, credits_: int | None, folders: Sequence[Path]) -> None:
    """Serve until standard input ends. Raises `ValueError` for a wrong address, or without a key."""
    asyncio.run(_serve(AsyncLimnerClient(url, key), SessionSpending(credits_), AllowedFolders(folders)))


async def _serve(client: AsyncLimnerClient, spending: SessionSpending, folders: AllowedFolders) -> None:
    async def read(name: str) -> bytes:
        return await asyncio.to_thread(folders.read, name)

    session = AgentSession(client, read, spending)
    async with client:
        await agent_server(lambda _: session).run_stdio_async()
