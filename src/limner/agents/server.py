"""The MCP server: its tools and its extension, for any transport."""

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

from limner import __version__
from limner.agents.tasks_extension import TasksExtension
from limner.agents.tools import AgentTools, OpenSession, all_tools

INSTRUCTIONS = (
    "Limner generates and edits pictures. Call generate_image; if it answers that the task goes on, call wait_task "
    "with its task_id until it has ended, and show the user the link. Pictures cost credits: quote tells the price."
)
_READS = {"get_task", "wait_task", "list_models", "list_templates", "quote"}


def agent_server(open_session: OpenSession) -> MCPServer[Any]:
    extensions = [TasksExtension(open_session)]
    server: MCPServer[Any] = MCPServer(
        "limner",
        title="Limner",
        instructions=INSTRUCTIONS,
        version=__version__,
        extensions=extensions,
        log_level="ERROR",
    )
    for tool in all_tools(AgentTools(open_session)):
        reads = tool.__name__ in _READS
        annotations = ToolAnnotations(read_only_hint=reads, destructive_hint=False, open_world_hint=not reads)
        server.add_tool(tool, annotations=annotations, structured_output=False)
    return server
