"""One connection of `limner serve`: uvicorn's, without its patience.

uvicorn waits for ever on a client that sends its head letter by letter, that goes on sending after it was answered, or
that takes nothing of its answer; it takes heads of any length, and any number of connections.
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
"""About how many bytes a request line and its headers may have together; servers commonly stop at 8 to 32 KiB."""

TICK_S = 0.05

MIN_BYTES_PER_S = 4096
"""Bytes a second that a client has to take of its answer in the long run."""


@dataclass(frozen=True, slots=True)
class ConnectionTimeouts:
    """`slow_s` is how long a head, the rest of an answered request or a pause may last, `most` how many connect."""

    slow_s: float
    most: int


def connections(given: ConnectionTimeouts) -> type["HttpConnection"]:
    """The class for uvicorn, which makes one of it for each connection and hands it nothing of ours."""

    class Patient(HttpConnection):
        patience = given

    return Patient


class HttpConnection(HttpToolsProtocol):
    """While no request is worked on, a clock runs at whose end the connection is closed.

    While one is, its body is waited for by the application, in `limner.api.http.body_timeout`.
    """

    patience: ConnectionTimeouts

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._clock: asyncio.TimerHandle | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._noise = 0
        self._in_head = self._whole = True
        self._upgraded = self._deaf = False
        self._working: RequestResponseCycle | None = None
        self._upgrade_filter = UpgradeFilter(self)
        self.parser = self._upgrade_filter  # type: ignore[assignment]
        super().connection_made(transport)
        self._start_clock(self.patience.slow_s)
        if len(self.connections) > self.patience.most:
            self._refuse(503, Overloaded("the server has as many connections as it may"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._stop_clock()
        self._stop_watching()
        super().connection_lost(exc)

    # --- what comes ---------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._deaf or self.transport.is_closing():
            return
        self._noise += len(data)
        super().data_received(data)
        if self._upgraded or self.transport.is_closing():
            return
        if self._noise > MAX_HEAD_BYTES:
            self._turn_down(431, _too_long())
        elif self._is_idle() and self._clock is None:
            # Bytes that begin no request, as a lone line break, have ended uvicorn's own waiting for the next one.
            self._start_clock(self.patience.slow_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._whole = True, False
        if self._is_idle():
            self._start_clock(self.patience.slow_s)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # behind a body they come too, where nobody wants them and they have no end
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._noise = False, 0
        self._stop_clock()
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._working = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        self._noise = 0
        super().on_body(body)

    def upgrades(self) -> bool:
        return self._should_upgrade()

    def on_message_complete(self) -> None:
        if self._upgrade_filter.ignores_upgrade():
            return  # only the head was read: the body follows
        super().on_message_complete()
        self._in_head, self._noise, self._whole = True, 0, True
        if self._is_idle() and self.cycle is not None:
            self._start_clock(self.timeout_keep_alive)

    def handle_websocket_upgrade(self) -> None:
        self._upgraded = True
        self._stop_clock()
        self._stop_watching()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the envelope has its own words
        if self._in_head and not self._is_idle():
            self._deaf, self.cycle.keep_alive = True, False  # what came before it is answered; then we hang up
        else:
            self._turn_down(400, Refusal(Code.MALFORMED, "this is not HTTP", suggestion="Send HTTP/1.1."))

    # --- what goes ----------------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch()
        elif self._is_idle() and not self._whole:
            # The answer did not wait for the body. The rest of it is read and thrown away, but not for ever.
            self._start_clock(self.patience.slow_s)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_watching()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def _turn_down(self, status: int, refusal: Refusal) -> None:
        """Refuse what is coming in, unless an answer is on its way: two would be taken for one."""
        if not self._is_idle() and (self.pipeline or self.cycle.response_started):
            self._abort()
        else:
            self._leave()
            self._refuse(status, refusal)

    def _leave(self) -> None:
        """Let the application know that nobody waits for its answer. uvicorn tells the last request alone."""
        if self._working is not None and not self._working.response_complete:
            self._working.disconnected = True
            self._working.message_event.set()

    def _abort(self) -> None:
        """Hang up at once: not even the system keeps what was not taken."""
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
        """Close once everything has left; a client that takes nothing of it does not hold us up."""
        self.transport.close()
        self._watch()

    def _watch(self) -> None:
        """Look at times whether what was written leaves."""
        self._stop_watching()
        unsent = self.transport.get_write_buffer_size()
        self._leaving = self.loop.call_later(self.patience.slow_s, self._look, unsent)

    def _look(self, unsent_before: int) -> None:
        left = unsent_before - self.transport.get_write_buffer_size()
        if left < MIN_BYTES_PER_S * self.patience.slow_s:
            self._abort()
        else:
            self._watch()

    def _stop_watching(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    # --- the clock ----------------------------------------------------------------------------------------------------

    def _is_idle(self) -> bool:
        """Whether no request is worked on."""
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    def _start_clock(self, seconds: float) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        """Close in a moment. When it was we who were held up, what has come meanwhile is read first, and counts."""
        self._clock = self.loop.call_later(TICK_S, self._close)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


def _too_long() -> Refusal:
    return Refusal(
        Code.MALFORMED,
        f"the head of the request is over {MAX_HEAD_BYTES // 1024} KiB",
        suggestion="Send fewer and shorter headers.",
    )
