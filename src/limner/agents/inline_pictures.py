"""Pictures that stand in a tool call, uploaded before the SDK sees it."""

import asyncio
from typing import Any

import orjson
from mcp.server.mcpserver.exceptions import ToolError

from limner.agents.references import decoded_data
from limner.api.http.bodies.json_body import LARGE_BODY, read_object
from limner_client import AsyncLimnerClient, LimnerError
from limner_client.transport import TransportFailed

SHORTEST = 64 * 1024
"""Characters of a `data:` address that is worth an upload of its own."""


async def with_uploads(body: bytes, client: AsyncLimnerClient) -> bytes:
    """The call with its `data:` references uploaded and named `upload:TOKEN`. Raises `Refusal` for what is no call.

    The SDK would parse megabytes on the event loop, and hold them for as long as the tool waits. A picture that the API
    refuses stays where it is: the tool tells what is wrong with it.
    """
    if len(body) <= LARGE_BODY:
        return body
    call = await asyncio.to_thread(read_object, body)
    references = _references(call)
    try:
        for place, name in enumerate(references):
            if isinstance(name, str) and len(name) >= SHORTEST and name[:5].lower() == "data:":
                uploaded = await client.upload(await asyncio.to_thread(decoded_data, name[5:]))
                references[place] = f"upload:{uploaded.token}"
    except (ToolError, LimnerError, TransportFailed):
        pass  # those that follow would be refused with it
    return await asyncio.to_thread(orjson.dumps, call)


def _references(call: dict[str, Any]) -> list[Any]:
    found: Any = call
    for name in ("params", "arguments", "references"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, list) else []
