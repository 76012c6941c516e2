"""The metrics of a process, and the listener that serves them."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from limner.application.operations.overview import ReadOverview
from limner.db.records import Records
from limner.db.sql import StatementCount
from limner.db.store import StoreUnavailable
from limner.domain.ids import TaskId
from limner.domain.tasks.task import Status, StatusChange
from limner.ports.telemetry import EndedAttempt
from limner.telemetry.measuring import Measuring, MetricsAddressTaken
from limner.telemetry.metric_names import METRICS
from limner.telemetry.metrics import Metrics
from stores import ROUTE, ServiceHarness


def value(page: bytes, series: str) -> float:
    """The value of one series, written as on the page."""
    [found] = re.findall(rf"^{re.escape(series)} (\S+)$", page.decode(), re.MULTILINE)
    return float(found)


def names(page: bytes) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", page.decode(), re.MULTILINE))


@pytest.fixture
async def measuring(service: ServiceHarness) -> AsyncIterator[Measuring]:
    measuring = Measuring("127.0.0.1:0", StatementCount(), lambda: 3)
    service.store = measuring.measured(service.store)
    await measuring.start(ReadOverview(service.store, service.routing, service.clock))
    yield measuring
    await measuring.stop()


def test_statements_are_counted_between_two_looks() -> None:
    statements = StatementCount()
    taken = [statements.take()]
    for _ in range(3):
        statements.add()
    taken += [statements.take(), statements.take()]

    assert taken == [0, 3, 0]


def test_what_is_reported_is_counted() -> None:
    metrics = Metrics()
    metrics.tasks_changed([StatusChange(TaskId("a"), Status.QUEUED), StatusChange(TaskId("a"), Status.RUNNING)])
    metrics.attempt_ended(EndedAttempt(ROUTE, "picture", 4.0, 0.04))
    metrics.attempt_ended(EndedAttempt(ROUTE, "timeout", 90.0, 0.0))
    metrics.webhook_sent("refused")
    page = metrics.page()
    route = f'provider="{ROUTE.provider}",route="{ROUTE.name}"'

    assert value(page, 'limner_task_changes_total{status="queued"}') == 1
    assert value(page, f'limner_attempts_total{{outcome="timeout",{route}}}') == 1
    assert value(page, f"limner_spend_usd_total{{{route}}}") == pytest.approx(0.04)
    assert value(page, f'limner_vendor_latency_seconds_bucket{{le="5.0",provider="{ROUTE.provider}"}}') == 1
    assert value(page, f'limner_vendor_latency_seconds_sum{{provider="{ROUTE.provider}"}}') == 94
    assert value(page, 'limner_webhooks_sent_total{outcome="refused"}') == 1


async def test_an_executed_task_brings_its_wait_its_duration_and_its_credits(service: ServiceHarness) -> None:
    task = await service.task(await service.submit_task(await service.open_account()))
    metrics = Metrics()
    times = {"started_ms": task.created_ms + 2_000, "finished_ms": task.created_ms + 9_000}
    metrics.task_executed(replace(task, consumed=5, **times))
    page = await asyncio.to_thread(metrics.page)

    assert value(page, "limner_queue_wait_seconds_sum") == 2
    assert re.search(r'limner_model_wait_seconds_sum{model="[^"]+"} 2\.0', page.decode())
    assert re.search(r'limner_model_wait_seconds_bucket{le="10\.0",model="[^"]+"} 1\.0', page.decode())
    assert value(page, "limner_task_duration_seconds_sum") == 7
    assert value(page, "limner_credits_consumed_total") == 5


async def test_the_page_holds_every_metric(service: ServiceHarness, measuring: Measuring) -> None:
    await service.submit_task(await service.open_account("secret-customer"))
    page = await measuring.page()

    assert {name for name in names(page) if name.startswith("limner_")} == METRICS.keys()
    assert value(page, 'limner_queue_depth{model="flux.1_kontext_pro"}') == 1
    assert value(page, "limner_tasks_running_here") == 3
    assert value(page, 'limner_database_unit_seconds_count{kind="write"}') >= 2
    assert b"secret-customer" not in page


async def test_a_listener_of_its_own_serves_the_metrics_and_nothing_else(measuring: Measuring) -> None:
    assert measuring._listener
    url = f"http://127.0.0.1:{measuring._listener.port}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/metrics") as answer:
            status, kind, text = answer.status, answer.headers["Content-Type"], await answer.text()
        async with session.get(f"{url}/v2/openapi/user/balance") as other:
            other_status = other.status

    assert (status, other_status) == (200, 404)
    assert kind.startswith("text/plain; version=0.0.4")
    assert "limner_database_up 1.0" in text
    assert measuring.public_page is None


async def test_an_address_that_is_taken_is_named(service: ServiceHarness, measuring: Measuring) -> None:
    assert measuring._listener
    another = Measuring(f"127.0.0.1:{measuring._listener.port}", StatementCount(), int)

    with pytest.raises(MetricsAddressTaken, match=f"127.0.0.1:{measuring._listener.port}: .*LIMNER_METRICS_LISTEN"):
        await another.start(ReadOverview(service.store, service.routing, service.clock))
    await another.stop()


async def test_without_its_database_a_process_still_shows_its_own_metrics(service: ServiceHarness) -> None:
    measuring = Measuring("", StatementCount(), int)
    await measuring.start(ReadOverview(Away(), service.routing, service.clock))
    page = await measuring.page()
    await measuring.stop()

    assert value(page, "limner_database_up") == 0
    assert b"limner_queue_depth" not in page
    assert b"limner_database_statements_total" in page


class Away:
    """A store whose database is away."""

    async def run(self, work: object) -> Records:
        raise StoreUnavailable(repr(work))

    run_unsynced = read = run

    async def close(self) -> None: ...
