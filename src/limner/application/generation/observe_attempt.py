"""What operators see of an attempt: its spans, its end in the metrics. The attempt goes on the same without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from limner.application.generation.generation import GenerationAttempt
from limner.application.generation.routing import Routing
from limner.application.spans import (
    ATTEMPT,
    KEEP,
    OUTCOME,
    SPEND_USD,
    VENDOR_CALL,
    of_attempt,
    of_delivery,
    of_vendor_call,
)
from limner.domain.routing.failure import Failure
from limner.ports.provider import Delivered
from limner.ports.telemetry import NO_TELEMETRY, EndedAttempt, Telemetry
from limner.ports.tracing import NO_TRACING, Span, SpanKind, Tracing


@dataclass(frozen=True, slots=True)
class VendorCall:
    span: Span

    def answered(self, answer: Delivered | Failure | None) -> None:
        match answer:
            case Delivered():
                self.span.set(of_delivery(answer))
            case Failure():
                self.span.fail(answer.kind)


@dataclass(frozen=True, slots=True)
class ObservedAttempt:
    attempt: GenerationAttempt
    span: Span
    routing: Routing
    telemetry: Telemetry
    tracing: Tracing

    @contextmanager
    def vendor_call(self) -> Iterator[VendorCall]:
        """From the request to the end of the vendor's job, its polls included."""
        route = self.attempt.route
        facts = of_vendor_call(route, self.routing.provider(route).name)
        with self.tracing.span(f"{VENDOR_CALL} {route.upstream}", facts, kind=SpanKind.CLIENT) as span:
            yield VendorCall(span)

    @contextmanager
    def keeping(self) -> Iterator[None]:
        with self.tracing.span(KEEP):
            yield

    def delivered(self, answer: Delivered, answered_ms: int) -> None:
        route = self.attempt.route
        cost_usd = route.price_usd if answer.cost_usd is None else answer.cost_usd
        self._ended("picture", answered_ms, 0.0 if self.routing.is_free(route) else cost_usd)

    def failed(self, failure: Failure, answered_ms: int) -> None:
        self.span.fail(failure.kind)
        self._ended(failure.kind, answered_ms, self.attempt.route.price_usd if failure.charged else 0.0)

    def _ended(self, outcome: str, answered_ms: int, cost_usd: float | None) -> None:
        latency_s = (answered_ms - self.attempt.begun_ms) / 1000
        self.telemetry.attempt_ended(EndedAttempt(self.attempt.route, outcome, latency_s, cost_usd or 0.0))
        self.span.set({OUTCOME: outcome, SPEND_USD: cost_usd or 0.0})


@dataclass(frozen=True, slots=True)
class ObserveAttempt:
    routing: Routing
    telemetry: Telemetry = NO_TELEMETRY
    tracing: Tracing = NO_TRACING

    @contextmanager
    def __call__(self, attempt: GenerationAttempt, *, resumed: bool = False) -> Iterator[ObservedAttempt]:
        with self.tracing.span(ATTEMPT, of_attempt(attempt.route, attempt.id, resumed=resumed)) as span:
            yield ObservedAttempt(attempt, span, self.routing, self.telemetry, self.tracing)
