"""The W3C headers `traceparent` and `tracestate`, read and written (https://www.w3.org/TR/trace-context/)."""

import re
from dataclasses import dataclass

from limner.ports.tracing import TraceContext

LONGEST_STATE = 512
"""Characters of a `tracestate`: what the W3C asks for at least. A longer one is dropped."""

_TRACEPARENT = re.compile(r"[ \t]*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.{0,400})?[ \t]*")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_LENGTH_OF_VERSION_00 = 55


@dataclass(frozen=True, slots=True)
class SpanPosition:
    """A span as its children and other processes know it: ids in hexadecimal digits."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""
    is_remote: bool = False

    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"

    def headers(self) -> TraceContext:
        parent = self.traceparent()
        return {"traceparent": parent, "tracestate": self.state} if self.state else {"traceparent": parent}


def position_of(headers: TraceContext) -> SpanPosition | None:
    """The sender's span, None where the header is none. Later versions are read as far as they are like version 00."""
    header = headers.get("traceparent", "")
    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return None
    version, trace_id, span_id, flags = found.groups()
    if version == "ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    if version == "00" and len(header.strip(" \t")) != _LENGTH_OF_VERSION_00:
        return None
    state = headers.get("tracestate", "")
    is_short = len(state) <= LONGEST_STATE
    return SpanPosition(trace_id, span_id, bool(int(flags, 16) & 1), state if is_short else "", is_remote=True)
