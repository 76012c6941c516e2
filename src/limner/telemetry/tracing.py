"""Traces by OpenTelemetry's SDK, exported by OTLP over HTTP. Importing this needs the extra `otel`."""

import os
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

import structlog
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from limner import __version__
from limner.ports.tracing import Attributes, Span, SpanKind, TraceContext, send_on, sent_on

PATH = "/v1/traces"
"""Where collectors take traces, unless the address says otherwise."""

EXPORT_TIMEOUT_S = 5.0

_KINDS = {
    SpanKind.INTERNAL: trace.SpanKind.INTERNAL,
    SpanKind.SERVER: trace.SpanKind.SERVER,
    SpanKind.CLIENT: trace.SpanKind.CLIENT,
    SpanKind.CONSUMER: trace.SpanKind.CONSUMER,
}
_W3C = TraceContextTextMapPropagator()

_LONGEST_STATE = 512
"""Characters of a `tracestate`: what the W3C asks for at least. A longer one is dropped."""


class OtelTracing:
    """Implements the port `Tracing`. Call `close` to export the last spans.

    Spans are exported in batches by a thread; while no collector answers they are dropped, and nothing waits.
    `share` of the traces that begin here are recorded; one that comes with a request is as its sender decided.
    """

    is_on = True

    def __init__(self, url: str, share: float = 1.0) -> None:
        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "limner")})
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)), resource=resource, shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(_endpoint(url), timeout=EXPORT_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("limner", __version__)

    def span(
        self,
        name: str,
        attributes: Attributes | None = None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: TraceContext | None = None,
    ) -> "_OpenSpan":
        above = _extract(parent) if parent else None
        span = self._tracer.start_span(
            name, above, _KINDS[kind], attributes, record_exception=False, set_status_on_exception=False
        )
        return _OpenSpan(span, kind)

    def record(
        self, name: str, attributes: Attributes, *, begun_ms: int, ended_ms: int, parent: TraceContext | None = None
    ) -> None:
        above = _extract(parent) if parent else None
        span = self._tracer.start_span(name, above, attributes=attributes, start_time=begun_ms * 1_000_000)
        span.end(ended_ms * 1_000_000)

    def context(self) -> TraceContext | None:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        if len(carrier.get("tracestate", "")) > _LONGEST_STATE:
            del carrier["tracestate"]
        return carrier or None

    def close(self) -> None:
        """Export what is left, which may take some seconds: call it in a thread."""
        self._provider.shutdown()


class _OpenSpan:
    """A span, as a context manager that makes it the current one."""

    def __init__(self, span: trace.Span, kind: SpanKind) -> None:
        self._span = span
        self._kind = kind

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def fail(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(trace.StatusCode.ERROR)

    def __enter__(self) -> Span:
        self._token = context_api.attach(trace.set_span_in_context(self._span))
        if self._kind is SpanKind.CLIENT:
            self._sent_before = sent_on()
            send_on(_traceparent(self._span))
        elif self._kind in {SpanKind.SERVER, SpanKind.CONSUMER}:
            trace_id = trace.format_trace_id(self._span.get_span_context().trace_id)
            self._logged = structlog.contextvars.bind_contextvars(trace_id=trace_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        if self._kind is SpanKind.CLIENT:
            send_on(self._sent_before)
        elif self._kind in {SpanKind.SERVER, SpanKind.CONSUMER}:
            structlog.contextvars.reset_contextvars(**self._logged)
        context_api.detach(self._token)
        if kind is not None:
            self.fail(kind.__name__)
        self._span.end()


def _traceparent(span: trace.Span) -> TraceContext:
    """What other parties get: the ids alone, since a `tracestate` may say more of the caller's systems."""
    at = span.get_span_context()
    ids = f"{trace.format_trace_id(at.trace_id)}-{trace.format_span_id(at.span_id)}"
    return {"traceparent": f"00-{ids}-{at.trace_flags:02x}"}


def _extract(parent: Mapping[str, str]) -> Context:
    return _W3C.extract(parent, Context())


def _endpoint(url: str) -> str:
    """The address of a collector, with the usual path where it has none."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path if parts.path.strip("/") else PATH))
