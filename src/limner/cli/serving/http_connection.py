"""An HTTP connection of `limner serve`: uvicorn's protocol with timeouts and limits.

uvicorn has no limit for the time and size of request heads, for data after the response, for clients that do not read
their response, and for the number of connections.
"""

import asyncio
import socket
import struct
import uuid
from dataclasses import dataclass

import orjson
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from limner.api.http.middleware import TRACE_ID
from limner.api.tripo.error_table import headers_of
from limner.api.v2.errors import body_of
from limner.cli.serving.upgrade_filter import UpgradeFilter
from limner.domain.refusal import Code, Overloaded, Refusal

MAX_HEAD_BYTES = 64 * 1024
"""Approximate size limit of request line and headers; other servers commonly allow 8 to 32 KiB."""

TICK_S = 0.05

LAST_REQUEST_S = 0.5
"""How long a stopping server waits for the first request of a connection that it has accepted."""

MIN_BYTES_PER_S = 4096
"""Minimum average bytes a second that a client must read of its response."""


@dataclass(frozen=True, slots=True)
class ConnectionTimeouts:
    """`slow_s` limits a head, the rest of an answered request and a pause, `most` the number of connections."""

    slow_s: float
    most: int


def connections(given: ConnectionTimeouts) -> type["HttpConnection"]:
    """The protocol class for uvicorn, which instantiates it without arguments of ours."""

    class LimitedConnection(HttpConnection):
        timeouts = given

    return LimitedConnection


class HttpConnection(HttpToolsProtocol):
    """Closes the connection after a timeout while no request is active.

    While one is active, `limner.api.http.bodies.body_timeout` limits the wait for its body.
    """

    timeouts: ConnectionTimeouts

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self._unparsed_bytes = 0
        self._in_head = self._body_complete = True
        self._upgraded = self._ignores_input = self._is_last = False
        self._active_cycle: RequestResponseCycle | None = None
        self._upgrade_filter = UpgradeFilter(self)
        self.parser = self._upgrade_filter  # type: ignore[assignment]
        super().connection_made(transport)
        self._start_timer(self.timeouts.slow_s)
        if len(self.connections) > self.timeouts.most:
            self._refuse(503, Overloaded("the server is at its connection limit"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._stop_timer()
        self._stop_watching()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn leaves this timer where the connection ended with an error

    def shutdown(self) -> None:
        """Close after the current request, or after the first one, which may be on its way."""
        if self.cycle is None and not self._is_last and not self.transport.is_closing():
            self._is_last = True
            self._start_timer(LAST_REQUEST_S)
        else:
            super().shutdown()

    # --- receiving ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._ignores_input or self.transport.is_closing():
            return
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._upgraded or self.transport.is_closing():
            return
        if self._unparsed_bytes > MAX_HEAD_BYTES:
            self._refuse_incoming(431, _too_long())
        elif self._is_idle() and self._timer is None:
            # Bytes that begin no request, such as a line break, have stopped uvicorn's keep-alive timeout.
            self._start_timer(self.timeouts.slow_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._body_complete = True, False
        if self._is_idle():
            self._start_timer(self.timeouts.slow_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # not trailers, whose number is unlimited
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._unparsed_bytes = False, 0
        self._stop_timer()
        super().on_headers_complete()
        if self._is_last:
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._active_cycle = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def upgrades(self) -> bool:
        return self._should_upgrade()

    def on_message_complete(self) -> None:
        if self._upgrade_filter.ignores_upgrade():
            return  # only the head was read: the body follows
        super().on_message_complete()
        self._in_head, self._unparsed_bytes, self._body_complete = True, 0, True
        if self._is_idle() and self.cycle is not None:
            self._start_timer(self.timeout_keep_alive)

    def handle_websocket_upgrade(self) -> None:
        self._upgraded = True
        self._stop_timer()
        self._stop_watching()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the envelope has its own message
        if self._in_head and not self._is_idle():
            self._ignores_input, self.cycle.keep_alive = True, False  # answer the earlier request, then close
        else:
            self._refuse_incoming(400, Refusal(Code.MALFORMED, "this is not HTTP", suggestion="Send HTTP/1.1."))

    # --- sending ------------------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch()
        elif self._is_idle() and not self._body_complete:
            # The response came before the end of the body: discard the rest, for a limited time.
            self._start_timer(self.timeouts.slow_s)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_watching()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def _refuse_incoming(self, status: int, refusal: Refusal) -> None:
        """Refuse the incoming request, unless a response is being sent: the client would mix them up."""
        if not self._is_idle() and (self.pipeline or self.cycle.response_started):
            self._abort()
        else:
            self._leave()
            self._refuse(status, refusal)

    def _leave(self) -> None:
        """Report the disconnect to the application. uvicorn reports it to the last request only."""
        if self._active_cycle is not None and not self._active_cycle.response_complete:
            self._active_cycle.disconnected = True
            self._active_cycle.message_event.set()

    def _abort(self) -> None:
        """Reset the connection, and discard unsent data."""
        self._leave()
        if (line := self.transport.get_extra_info("socket")) is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _refuse(self, status: int, refusal: Refusal) -> None:
        body = orjson.dumps(body_of(refusal))
        headers = headers_of(refusal) | {
            TRACE_ID: str(uuid.uuid4()),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[status] + lines.encode() + b"\r\n" + body)
        self._close()

    def _close(self) -> None:
        """Close once everything was sent, or reset if the client does not read."""
        self.transport.close()
        self._watch()

    def _watch(self) -> None:
        """Check regularly that unsent data shrinks."""
        self._stop_watching()
        unsent = self.transport.get_write_buffer_size()
        self._send_timer = self.loop.call_later(self.timeouts.slow_s, self._check_progress, unsent)

    def _check_progress(self, unsent_before: int) -> None:
        left = unsent_before - self.transport.get_write_buffer_size()
        if left < MIN_BYTES_PER_S * self.timeouts.slow_s:
            self._abort()
        else:
            self._watch()

    def _stop_watching(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    # --- timeout ------------------------------------------------------------------------------------------------------

    def _is_idle(self) -> bool:
        """Whether no request is active."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        """Close after a tick: if this process was stalled, data received meanwhile is read first and counts."""
        self._timer = self.loop.call_later(TICK_S, self._close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _too_long() -> Refusal:
    return Refusal(
        Code.MALFORMED,
        f"the head of the request is over {MAX_HEAD_BYTES // 1024} KiB",
        suggestion="Send fewer and shorter headers.",
    )
