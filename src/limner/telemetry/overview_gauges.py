"""Gauges over the whole database, made from one overview. Series of models and routes that are gone disappear."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from limner.application.operations.overview import Overview
from limner.application.operations.route_states import RouteCondition
from limner.telemetry.metric_names import METRICS


class OverviewGauges(Collector):
    """`overview` is what the next page shows; None when it could not be read."""

    def __init__(self) -> None:
        self.overview: Overview | None = None

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield _gauge("limner_database_up", int(self.overview is not None))
        if self.overview is not None:
            yield from _by_model(self.overview)
            yield from _routes(self.overview)
            yield from _totals(self.overview)


def _by_model(overview: Overview) -> Iterator[Metric]:
    depth = GaugeMetricFamily("limner_queue_depth", METRICS["limner_queue_depth"], labels=["model"])
    oldest = GaugeMetricFamily("limner_queue_oldest_seconds", METRICS["limner_queue_oldest_seconds"], labels=["model"])
    waiting = {each.model: each for each in overview.queue}
    served = dict.fromkeys(model for route in overview.routes for model in route.models)
    for model in served | dict.fromkeys(waiting):
        queue = waiting.get(model)
        depth.add_metric([model], queue.queued if queue else 0)
        oldest.add_metric([model], (overview.at_ms - queue.oldest_ms) / 1000 if queue else 0)
    yield depth
    yield oldest


def _routes(overview: Overview) -> Iterator[Metric]:
    state = GaugeMetricFamily("limner_route_open", METRICS["limner_route_open"], labels=["provider", "route"])
    for route in overview.routes:
        state.add_metric([route.provider, route.route], int(route.condition is RouteCondition.OPEN))
    yield state
    conditions = Counter(route.condition for route in overview.routes)
    by_condition = GaugeMetricFamily("limner_routes", METRICS["limner_routes"], labels=["condition"])
    for condition in RouteCondition:
        by_condition.add_metric([condition], conditions[condition])
    yield by_condition
    well = GaugeMetricFamily("limner_provider_well", METRICS["limner_provider_well"], labels=["provider"])
    for check in overview.checks:
        well.add_metric([check.provider], int(check.well))
    yield well
    yield _gauge("limner_route_drifts", sum(len(check.drifts) for check in overview.checks))


def _totals(overview: Overview) -> Iterator[Metric]:
    yield _gauge("limner_tasks_running", overview.running)
    yield _gauge("limner_workers_busy", len(overview.workers))
    yield _gauge("limner_leases_expired", overview.expired_leases)
    yield _gauge("limner_credits_available", overview.credits.available)
    yield _gauge("limner_credits_held", overview.credits.held)
    yield _gauge("limner_stored_bytes", overview.stored.size)
    yield _gauge("limner_stored_files", overview.stored.files)
    yield _gauge("limner_webhook_deliveries_waiting", overview.outbox.deliveries)
    yield _gauge("limner_webhook_lanes_waiting", overview.outbox.lanes)
    yield _gauge("limner_webhook_lanes_open", overview.outbox.open_lanes)


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, METRICS[name], value=value)
