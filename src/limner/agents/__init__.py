"""Tools for agents over MCP, made of calls of the API: `limner mcp` over stdio, and `/mcp` in the server."""
