"""One account's webhook receivers delay no other account's messages, and polling costs the same with any backlog."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from integration.store.webhook_harness import WebhookHarness, webhook_harness
from limner.application.webhooks.outbox import MAX_WAITING_LANES, SHARED_LANES, enqueue_deliveries, lane_of
from limner.db.records import Records
from limner.db.tables.deliveries import Delivery
from limner.db.tables.lanes import _DUE_ACCOUNTS, _DUE_LANES
from limner.domain.ids import WebhookId
from limner.domain.webhook import DeliveryState, EventType, delivery_id
from limner.outbound.allowlist import FetchAllow
from limner.outbound.webhook_http import GuardedWebhookHttp
from receivers import until
from stores import ServiceHarness

HOSTS = 251
NAMES = [f"host-{number}.test" for number in range(HOSTS)]


class EveryNameIsHere(AbstractResolver):
    """Resolves every name to the loopback address."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=2, proto=6, flags=0)]

    async def close(self) -> None: ...


@pytest.fixture
async def hooks(service: ServiceHarness) -> AsyncIterator[WebhookHarness]:
    async with webhook_harness(service) as hooks:
        http = GuardedWebhookHttp(FetchAllow.parse(",".join(["127.0.0.1", *NAMES])), 30, EveryNameIsHere())
        yield replace(hooks, http=http)
        await http.close()


async def enqueue_to_hosts(hooks: WebhookHarness, webhook: WebhookId, names: Sequence[str], each: int = 1) -> None:
    """Enqueue messages of the account to per-task addresses, longer due than all others."""
    now_ms = hooks.service.clock.now_ms() - 1000
    port = hooks.receiver.address.rpartition(":")[2]
    account = hooks.key.account

    def delivery(name: str) -> Delivery:
        url = f"http://{name}:{port}/hang"
        return Delivery(
            id=delivery_id(uuid.uuid4().hex),
            webhook=webhook,
            account=account,
            lane=lane_of(webhook, account, url),
            url=url,
            event=EventType.TEST,
            task=None,
            state=DeliveryState.PENDING,
            attempts=0,
            retries=0,
            due_ms=now_ms,
            until_ms=now_ms + 3_600_000,
            created_ms=now_ms,
        )

    await hooks.service.store.run(
        lambda records: [records.deliveries.add(delivery(name)) for name in names for _ in range(each)]
    )


async def test_a_message_is_sent_although_another_account_has_251_hanging_hosts(hooks: WebhookHarness) -> None:
    per_task = await hooks.manage.add(hooks.key.account, None)
    await enqueue_to_hosts(hooks, per_task.webhook.id, NAMES, each=2)
    answer = asyncio.Event()
    hooks.receiver.answers["/hang"] = [until(answer)] * HOSTS * 2
    eve = await hooks.service.open_account("eve")
    hers = await hooks.add("/hers", key=eve)
    sender = hooks.sender()

    more = True
    while more:  # until the account has as many in flight as it may
        more = await sender.send_due()
    await hooks.run_task(key=eve)
    async with asyncio.timeout(60):
        while await hooks.states(hers.webhook.id) != [DeliveryState.DELIVERED]:
            await sender.send_due()
    hanging = [taken for taken, _ in sender._sending.values() if taken.delivery.account == hooks.key.account]
    answer.set()
    await sender.wait_idle()

    assert len(hanging) == hooks.limits.account
    assert len(hooks.receiver.at("/hers")) == 1


async def test_every_host_of_an_account_is_served_in_turn(hooks: WebhookHarness) -> None:
    per_task = await hooks.manage.add(hooks.key.account, None)
    await enqueue_to_hosts(hooks, per_task.webhook.id, NAMES[:60], each=3)

    await hooks.send_due()

    assert await hooks.states(per_task.webhook.id) == [DeliveryState.DELIVERED] * 180


async def test_more_accounts_than_one_poll_reads_are_all_served(hooks: WebhookHarness) -> None:
    webhooks = []
    for number in range(40):
        key = await hooks.service.open_account(f"account-{number}")
        webhooks.append((await hooks.add("/many", key=key)).webhook.id)
        await hooks.run_task(key=key)

    await hooks.send_due()

    assert len(hooks.receiver.at("/many")) == 40
    for webhook in webhooks:
        assert await hooks.states(webhook) == [DeliveryState.DELIVERED]


async def test_waiting_hosts_of_an_account_are_capped_and_share_lanes_beyond(hooks: WebhookHarness) -> None:
    await hooks.manage.add(hooks.key.account, None)
    ended = await hooks.service.task(await hooks.run_task())

    for number in range(MAX_WAITING_LANES + 3 * SHARED_LANES):

        def work(records: Records, name: str = f"fresh-{number}.test") -> None:
            records.webhooks.set_task_url(ended.id, f"https://{name}/hook")
            enqueue_deliveries(records, ended, EventType.FAILED, ended.created_ms, name)

        await hooks.service.store.run(work)

    ((lanes, deliveries),) = await hooks.service.query("SELECT count(DISTINCT lane), count(*) FROM deliveries")
    assert deliveries == MAX_WAITING_LANES + 3 * SHARED_LANES
    assert MAX_WAITING_LANES < lanes <= MAX_WAITING_LANES + SHARED_LANES


async def test_a_poll_reads_indexes_alone_whatever_waits(service: ServiceHarness) -> None:
    if service.store.__class__.__name__ != "SqliteStore":
        pytest.skip("PostgreSQL plans by the size of tables")

    plans = [
        str(await service.query(f"EXPLAIN QUERY PLAN {statement.sqlite}", **values))
        for statement, values in (
            (_DUE_ACCOUNTS, {"after": "", "now_ms": 1, "limit": 32}),
            (_DUE_LANES, {"account": "", "now_ms": 1, "limit": 8}),
        )
    ]

    assert all("ix_lanes_due" in plan for plan in plans)
    assert not any("SCAN lanes" in plan or "SCAN l " in plan or "deliveries" in plan for plan in plans)
