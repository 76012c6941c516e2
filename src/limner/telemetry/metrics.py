"""The metrics of this process, in Prometheus' format. `docs/metrics.md` lists them all.

Counters count what this process did; Prometheus adds up the processes. Gauges over the whole database are read when
somebody asks, and every process answers the same.
"""

import asyncio
import time
from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

from limner.domain.tasks.task import Status, StatusChange, Task
from limner.ports.telemetry import EndedAttempt
from limner.telemetry.metric_names import METRICS
from limner.telemetry.overview_gauges import OverviewGauges

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LATENCY_BUCKETS_S = (1, 2.5, 5, 10, 20, 40, 80, 160, 320)
DURATION_BUCKETS_S = (0.1, 0.5, 1, 5, 20, 60, 300, 1200, 3600)
MODEL_WAIT_BUCKETS_S = (1, 10, 60, 600)
"""Few: each bucket is a series for each model that is used."""
LAG_BUCKETS_S = (0.001, 0.005, 0.02, 0.1, 0.5, 2)
UNIT_BUCKETS_S = (0.001, 0.005, 0.02, 0.1, 0.5, 2)

LAG_INTERVAL_S = 0.5

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads


class Metrics:
    """Implements the port `Telemetry`. Run `measure_lag` beside it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.gauges = OverviewGauges()
        self.registry.register(self.gauges)
        ProcessCollector(registry=self.registry)
        changes = self._counter("limner_task_changes", "status")
        self._changes = {status: changes.labels(status) for status in Status}
        self._consumed = self._counter("limner_credits_consumed")
        self._wait = self._histogram("limner_queue_wait_seconds", DURATION_BUCKETS_S)
        self._wait_by_model = self._histogram("limner_model_wait_seconds", MODEL_WAIT_BUCKETS_S, "model")
        self._duration = self._histogram("limner_task_duration_seconds", DURATION_BUCKETS_S)
        self._attempts = self._counter("limner_attempts", "provider", "route", "outcome")
        self._latency = self._histogram("limner_vendor_latency_seconds", LATENCY_BUCKETS_S, "provider")
        self._spend = self._counter("limner_spend_usd", "provider", "route")
        self._webhooks = self._counter("limner_webhooks_sent", "outcome")
        self._lag = self._histogram("limner_event_loop_lag_seconds", LAG_BUCKETS_S)
        self.running_here = self._gauge("limner_tasks_running_here")
        self.units = self._histogram("limner_database_unit_seconds", UNIT_BUCKETS_S, "kind")
        self.units_active = self._gauge("limner_database_units_active")
        self.connections = self._gauge("limner_database_connections")
        self.statements = self._counter("limner_database_statements")

    def tasks_changed(self, changes: Sequence[StatusChange]) -> None:
        for change in changes:
            self._changes[change.status].inc()

    def task_executed(self, task: Task) -> None:
        if task.started_ms is not None and task.finished_ms is not None:
            wait_s = (task.started_ms - task.created_ms) / 1000
            self._wait.observe(wait_s)
            self._wait_by_model.labels(task.model).observe(wait_s)
            self._duration.observe((task.finished_ms - task.started_ms) / 1000)
        self._consumed.inc(task.consumed)

    def attempt_ended(self, attempt: EndedAttempt) -> None:
        route = attempt.route
        self._attempts.labels(route.provider, route.name, attempt.outcome).inc()
        self._latency.labels(route.provider).observe(attempt.latency_s)
        self._spend.labels(route.provider, route.name).inc(attempt.cost_usd)

    def webhook_sent(self, outcome: str) -> None:
        self._webhooks.labels(outcome).inc()

    async def measure_lag(self) -> None:
        """Measure for ever how late the event loop wakes a sleeper."""
        while True:
            due_s = time.perf_counter() + LAG_INTERVAL_S
            await asyncio.sleep(LAG_INTERVAL_S)
            self._lag.observe(max(0.0, time.perf_counter() - due_s))

    def page(self) -> bytes:
        """All metrics as text. Reads files of the system: call it in a thread."""
        return generate_latest(self.registry)

    def _counter(self, name: str, *labels: str) -> Counter:
        return Counter(name, METRICS[f"{name}_total"], labels, registry=self.registry)

    def _gauge(self, name: str, *labels: str) -> Gauge:
        return Gauge(name, METRICS[name], labels, registry=self.registry)

    def _histogram(self, name: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, METRICS[name], labels, buckets=buckets, registry=self.registry)
