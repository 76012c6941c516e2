"""What `limner serve` takes from uvicorn beyond its documented interface.

`HttpConnection` is a subclass of uvicorn's httptools protocol, because uvicorn offers no public hook for time-outs of
request heads, for a limit on connections or for slow readers. When an upgrade of uvicorn breaks one of these tests,
read the named part of `limner/cli/serving/` against the new uvicorn before the range in pyproject.toml is widened.
"""

import ast
import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import Server, ServerState

METHODS = [
    (HttpToolsProtocol.connection_made, ["self", "transport"], "starts the clock of a new connection"),
    (HttpToolsProtocol.connection_lost, ["self", "exc"], "tells the application that the client is gone"),
    (HttpToolsProtocol.data_received, ["self", "data"], "counts the bytes of a head"),
    (HttpToolsProtocol.on_message_begin, ["self"], "starts the clock of a head"),
    (HttpToolsProtocol.on_header, ["self", "name", "value"], "drops trailers"),
    (HttpToolsProtocol.on_headers_complete, ["self"], "stops the clock of a head"),
    (HttpToolsProtocol.on_body, ["self", "body"], "resets the byte count"),
    (HttpToolsProtocol.on_message_complete, ["self"], "starts the keep-alive clock"),
    (HttpToolsProtocol.on_response_complete, ["self"], "watches that the response is taken"),
    (HttpToolsProtocol._start_asgi_task, ["self", "cycle", "app"], "knows which request is worked on"),
    (HttpToolsProtocol.handle_websocket_upgrade, ["self"], "stops all clocks"),
    (HttpToolsProtocol.send_400_response, ["self", "msg"], "answers in our envelope"),
    (HttpToolsProtocol.pause_writing, ["self"], "watches a slow reader"),
    (HttpToolsProtocol.resume_writing, ["self"], "ends the watch"),
    (HttpToolsProtocol.timeout_keep_alive_handler, ["self"], "closes with our own rules"),
    (WebSocketsSansIOProtocol.keepalive_timeout, ["self"], "aborts a client that reads nothing"),
    (WebSocketsSansIOProtocol.send, ["self", "message"], "marks a refused handshake as complete"),
    (Server.startup, ["self", "sockets"], "says when the server is ready"),
    (Server.capture_signals, ["self"], "replaces the signal handlers"),
]


@pytest.mark.parametrize(("method", "parameters", "use"), METHODS, ids=lambda each: getattr(each, "__qualname__", ""))
def test_uvicorn_still_has_the_method_that_we_override(
    method: Callable[..., Any], parameters: list[str], use: str
) -> None:
    found = list(inspect.signature(method).parameters)

    assert found == parameters, f"our override {use}"


def test_uvicorn_still_has_the_signal_handler_that_we_override() -> None:
    """Read from the source: sse-starlette, which tools for agents bring, replaces the method when it is imported."""
    tree = ast.parse(Path(inspect.getfile(Server)).read_text())
    found = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == "handle_exit"]

    assert [[each.arg for each in one.args.args] for one in found] == [["self", "sig", "frame"]]


async def test_a_connection_still_has_the_attributes_that_we_read() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None: ...

    config = uvicorn.Config(app, log_config=None)
    connection = HttpToolsProtocol(config, ServerState(), {}, asyncio.get_running_loop())

    wanted = {"connections", "cycle", "loop", "pipeline", "timeout_keep_alive", "transport", "server_state", "headers"}
    assert wanted <= vars(connection).keys()


def test_a_request_still_has_the_attributes_that_we_set() -> None:
    source = inspect.getsource(RequestResponseCycle)

    for name in ("disconnected", "message_event", "keep_alive", "response_started", "response_complete"):
        assert f"self.{name} = " in source, name


def test_a_pipelined_request_still_waits_for_the_one_before_it() -> None:
    """`HttpConnection` takes a non-empty pipeline for work that is not done."""
    assert "self.pipeline.appendleft((self.cycle, app))" in inspect.getsource(HttpToolsProtocol.on_headers_complete)
    assert "self._start_asgi_task(cycle, app)" in inspect.getsource(HttpToolsProtocol.on_response_complete)


def test_status_lines_are_still_there() -> None:
    assert httptools_impl.STATUS_LINE[503] == b"HTTP/1.1 503 Service Unavailable\r\n"
