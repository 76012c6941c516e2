"""Spans of traces, as the application makes them. Without a tracer every call does nothing."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

Attributes = Mapping[str, str | int | float | bool]

TraceContext = Mapping[str, str]
"""The W3C headers `traceparent` and, where there is one, `tracestate` of a span; kept with a task."""

_sent_on: ContextVar[TraceContext | None] = ContextVar("sent_on", default=None)


class SpanKind(StrEnum):
    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"


class Span(Protocol):
    def rename(self, name: str) -> None: ...

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""
        ...

    def fail(self, error_type: str) -> None:
        """Mark the span as failed, with its `error.type`."""
        ...


class Tracing(Protocol):
    @property
    def is_on(self) -> bool:
        """Whether spans are recorded at all."""
        ...

    def span(
        self,
        name: str,
        attributes: Attributes | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: TraceContext | None = None,
    ) -> AbstractContextManager[Span]:
        """Open a span below `parent`, else below the caller's span; without either it begins a trace."""
        ...

    def record(
        self, name: str, attributes: Attributes, *, begun_ms: int, ended_ms: int, parent: TraceContext | None = None
    ) -> None:
        """Record a span of the past."""
        ...

    def context(self) -> TraceContext | None:
        """The headers of the caller's span; None outside any."""
        ...


def sent_on() -> TraceContext:
    """The header that a request inside a span of the kind `CLIENT` sends on: `traceparent`, or nothing."""
    return _sent_on.get() or {}


def send_on(context: TraceContext | None) -> None:
    """Set what `sent_on` returns in this asyncio task."""
    _sent_on.set(context)


class NoSpan:
    """A span that is not recorded, and the context manager that returns it."""

    def rename(self, name: str) -> None: ...
    def set(self, attributes: Attributes) -> None: ...
    def fail(self, error_type: str) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


_NO_SPAN = NoSpan()


class NoTracing:
    """Records nothing: where traces are off, in commands, and in tests."""

    is_on = False

    def span(
        self,
        name: str,  # noqa: ARG002 - as the protocol says
        attributes: Attributes | None = None,  # noqa: ARG002
        *,
        kind: SpanKind = SpanKind.INTERNAL,  # noqa: ARG002
        parent: TraceContext | None = None,  # noqa: ARG002
    ) -> NoSpan:
        return _NO_SPAN

    def record(
        self, name: str, attributes: Attributes, *, begun_ms: int, ended_ms: int, parent: TraceContext | None = None
    ) -> None: ...

    def context(self) -> TraceContext | None:
        return None


NO_TRACING = NoTracing()
