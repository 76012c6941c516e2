"""An HTTP/1.1 parser that ignores upgrades other than to WebSocket, as RFC 9110, section 7.8, allows.

curl --http2, Java's HttpClient and others send `Upgrade: h2c` with every request. httptools then takes everything after
the head for another protocol, and the body is lost.
"""

from typing import Protocol

import httptools

_FRAMING = (b"content-length", b"transfer-encoding")


class HttpProtocol(Protocol):
    """The callbacks of the connection, and what the filter asks it."""

    headers: list[tuple[bytes, bytes]]

    def on_message_begin(self) -> None: ...
    def on_url(self, url: bytes) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_body(self, body: bytes) -> None: ...
    def on_message_complete(self) -> None: ...
    def upgrades(self) -> bool: ...


class UpgradeFilter:
    """Takes the place of `httptools.HttpRequestParser`.

    After the head of an ignored upgrade a new parser reads the rest. It is primed with a head of the same framing, and
    its callbacks for that head are dropped. `on_message_complete` of the first parser must be ignored by the protocol
    while `ignores_upgrade` is true.
    """

    def __init__(self, protocol: HttpProtocol) -> None:
        self._protocol = protocol
        self._parser = _parser(protocol)

    def ignores_upgrade(self) -> bool:
        return bool(self._parser.should_upgrade()) and not self._protocol.upgrades()

    def feed_data(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self._protocol.upgrades():
                    raise
                data = data[upgrade.args[0] :]
                self._parser = self._primed()
            else:
                return

    def get_http_version(self) -> str:
        return str(self._parser.get_http_version())

    def get_method(self) -> bytes:
        return bytes(self._parser.get_method())

    def should_upgrade(self) -> bool:
        return bool(self._parser.should_upgrade())

    def should_keep_alive(self) -> bool:
        return bool(self._parser.should_keep_alive())

    def _primed(self) -> httptools.HttpRequestParser:
        framing = [name + b": " + value + b"\r\n" for name, value in self._protocol.headers if name in _FRAMING]
        parser = _parser(_AfterHead(self._protocol))
        parser.feed_data(b"".join([b"POST / HTTP/1.1\r\n", *framing, b"\r\n"]))
        return parser


def _parser(callbacks: object) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(callbacks)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets it
    return parser


class _AfterHead:
    """Passes callbacks on, except those of the first head."""

    def __init__(self, protocol: HttpProtocol) -> None:
        self._protocol = protocol
        self._in_first_head = True
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if not self._in_first_head:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._in_first_head:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_first_head:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._in_first_head:
            self._in_first_head = False
        else:
            self._protocol.on_headers_complete()
