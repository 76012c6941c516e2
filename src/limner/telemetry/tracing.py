"""Traces: spans of our own, exported by OpenTelemetry as OTLP over HTTP. Importing this needs the extra `otel`."""

import os
import random
import time
from contextvars import ContextVar
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from limner import __version__
from limner.ports.tracing import Attributes, Span, SpanKind, TraceContext, send_on, sent_on
from limner.telemetry.trace_context import SpanPosition, position_of

PATH = "/v1/traces"
"""Where collectors take traces, unless the address says otherwise."""

EXPORT_TIMEOUT_S = 5.0

_KINDS = {
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
}
_LOGGED_KINDS = frozenset({SpanKind.SERVER, SpanKind.CONSUMER})
"""Kinds of spans whose log lines have the trace's id."""

_SAMPLED = trace.TraceFlags(trace.TraceFlags.SAMPLED)
_NO_STATE = trace.TraceState()
_UNSET, _FAILED = trace.Status(trace.StatusCode.UNSET), trace.Status(trace.StatusCode.ERROR)
_SCOPE = InstrumentationScope("limner", __version__)

_current: ContextVar[SpanPosition | None] = ContextVar("current_span", default=None)


class OtelTracing:
    """Implements the port `Tracing`. Call `close` to export the last spans.

    Spans are exported in batches by a thread; while no collector answers they are dropped, and nothing waits.
    `share` of the traces that begin here are recorded; one that comes with a request is as its sender decided.
    """

    is_on = True

    def __init__(self, url: str, share: float = 1.0) -> None:
        self._share = share
        self._resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "limner")})
        self._exports = BatchSpanProcessor(OTLPSpanExporter(_endpoint(url), timeout=EXPORT_TIMEOUT_S))

    def span(
        self,
        name: str,
        attributes: Attributes | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: TraceContext | None = None,
    ) -> "_OpenSpan":
        return _OpenSpan(self, name, kind, dict(attributes) if attributes else {}, _above(parent))

    def record(
        self, name: str, attributes: Attributes, *, begun_ms: int, ended_ms: int, parent: TraceContext | None = None
    ) -> None:
        span = _OpenSpan(self, name, SpanKind.INTERNAL, dict(attributes), _above(parent))
        span.begun_ns = begun_ms * 1_000_000
        self.export(span, ended_ms * 1_000_000)

    def context(self) -> TraceContext | None:
        current = _current.get()
        return current.headers() if current else None

    def below(self, parent: SpanPosition | None) -> SpanPosition:
        """The position of a new span."""
        span_id = f"{random.getrandbits(64) or 1:016x}"
        if parent:
            return SpanPosition(parent.trace_id, span_id, parent.sampled, parent.state)
        trace_id = f"{random.getrandbits(128) or 1:032x}"
        return SpanPosition(trace_id, span_id, self._share >= 1 or random.random() < self._share)  # noqa: S311

    def export(self, span: "_OpenSpan", ended_ns: int) -> None:
        """Queue an ended span, if its trace is recorded."""
        if not span.at.sampled:
            return
        self._exports.on_end(
            ReadableSpan(
                span.name,
                _exported(span.at),
                _exported(span.parent) if span.parent else None,
                self._resource,
                span.attributes,
                kind=_KINDS[span.kind],
                status=_FAILED if span.has_failed else _UNSET,
                start_time=span.begun_ns,
                end_time=ended_ns,
                instrumentation_scope=_SCOPE,
            )
        )

    def close(self) -> None:
        """Export what is left, which may take some seconds: call it in a thread."""
        self._exports.shutdown()  # type: ignore[no-untyped-call]


class _OpenSpan:
    """A span, as a context manager that makes it the current one.

    The SDK's own spans lock, copy and check at every call, which cost twice as much as all the rest of a trace.
    """

    # fmt: off
    __slots__ = (
        "_before", "_logged", "_sent_before", "_tracing",
        "at", "attributes", "begun_ns", "has_failed", "kind", "name", "parent",
    )
    # fmt: on

    def __init__(
        self,
        tracing: OtelTracing,
        name: str,
        kind: SpanKind,
        attributes: dict[str, str | int | float | bool],
        parent: SpanPosition | None,
    ) -> None:
        self._tracing, self.name, self.kind, self.attributes, self.parent = tracing, name, kind, attributes, parent
        self.at = tracing.below(parent)
        self.begun_ns = time.time_ns()
        self.has_failed = False

    def rename(self, name: str) -> None:
        self.name = name

    def set(self, attributes: Attributes) -> None:
        self.attributes.update(attributes)

    def fail(self, error_type: str) -> None:
        self.attributes["error.type"] = error_type
        self.has_failed = True

    def __enter__(self) -> Span:
        self._before = _current.get()
        _current.set(self.at)
        if self.kind is SpanKind.CLIENT:
            self._sent_before = sent_on()
            # `tracestate` may say more of the caller's systems than other parties have to know.
            send_on({"traceparent": self.at.traceparent()})
        elif self.kind in _LOGGED_KINDS:
            self._logged = structlog.contextvars.bind_contextvars(trace_id=self.at.trace_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        if self.kind is SpanKind.CLIENT:
            send_on(self._sent_before)
        elif self.kind in _LOGGED_KINDS:
            structlog.contextvars.reset_contextvars(**self._logged)
        _current.set(self._before)
        if kind is not None:
            self.fail(kind.__name__)
        self._tracing.export(self, time.time_ns())


def _above(parent: TraceContext | None) -> SpanPosition | None:
    return position_of(parent) if parent else _current.get()


def _exported(at: SpanPosition) -> trace.SpanContext:
    state = trace.TraceState.from_header([at.state]) if at.state else _NO_STATE
    return trace.SpanContext(int(at.trace_id, 16), int(at.span_id, 16), at.is_remote, _SAMPLED, state)


def _endpoint(url: str) -> str:
    """The address of a collector, with the usual path where it has none."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path if parts.path.strip("/") else PATH))
