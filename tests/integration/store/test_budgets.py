"""Budgets of accounts and keys: exact, by day and month, and announced once."""

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from integration.store.webhook_harness import WebhookHarness, webhook_harness
from limner.db.tables.keys import Key
from limner.domain.accounts.budgets import Budget, BudgetPeriod, periods_of
from limner.domain.accounts.key_limits import KeyLimits
from limner.domain.refusal import Code, Refusal
from limner.domain.webhook import EventType
from stores import FAILED, ServiceHarness

LAST_OF_MONTH_MS = int(datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000


async def account_key(service: ServiceHarness, opening: int = 10_000, **budgets: int) -> Key:
    """A key of an account with these budgets."""
    account = await service.accounts.create("ada", opening, 1000)
    if budgets:
        await service.accounts.limit_spending("ada", budgets)
    return (await service.accounts.create_key(account.name, "first", ("generate",))).key


async def refused(service: ServiceHarness, key: Key) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await service.submit_task(key)
    return refusal.value


async def spent(service: ServiceHarness, key: Key) -> list[int]:
    """What the account has spent of the day's and the month's budget."""
    periods = periods_of(service.clock.now_ms())
    budgets = await service.store.read(lambda records: records.accounts.budgets(key.account, periods))
    return [each.spent for each in budgets]


@pytest.mark.parametrize(
    ("budgets", "reason"),
    [
        ({"credits_per_day": 12}, "the account may spend 2 more today"),
        ({"credits_per_month": 14}, "the account may spend 4 more this month"),
    ],
)
async def test_an_account_spends_no_more_than_its_budget(
    service: ServiceHarness, budgets: dict[str, int], reason: str
) -> None:
    key = await account_key(service, **budgets)
    for _ in range(2):
        await service.submit_task(key)
    before = await service.balance(key)
    refusal = await refused(service, key)

    assert (refusal.code, refusal.reason) == (Code.NO_CREDIT, f"the task costs 5 credits, and {reason}")
    assert await service.balance(key) == before
    assert await service.active_tasks(key) == 2
    assert await spent(service, key) == [10, 10]
    assert await service.ledger_faults() == []


async def test_lack_of_credit_is_told_before_a_budget(service: ServiceHarness) -> None:
    key = await account_key(service, opening=4, credits_per_day=1)

    assert "4 are left" in (await refused(service, key)).reason


async def test_a_key_has_a_budget_of_the_month(service: ServiceHarness) -> None:
    await service.accounts.create("ada", 1000)
    limited = (await service.accounts.create_key("ada", "a", ("generate",), KeyLimits(credits_per_month=5))).key
    other = (await service.accounts.create_key("ada", "b", ("generate",))).key
    await service.submit_task(limited)
    refusal = await refused(service, limited)
    await service.submit_task(other)

    assert refusal.reason.endswith("the key may spend 0 more this month")
    assert await spent(service, limited) == [10, 10]


async def test_a_budget_is_exact_when_everybody_comes_at_once(service: ServiceHarness) -> None:
    key = await account_key(service, credits_per_month=35)
    outcomes = await asyncio.gather(*(service.submit_task(key) for _ in range(30)), return_exceptions=True)

    assert sum(isinstance(each, Refusal) for each in outcomes) == 23
    assert await spent(service, key) == [35, 35]


async def test_several_pictures_count_for_what_they_cost(service: ServiceHarness) -> None:
    key = await account_key(service, credits_per_day=19)
    await service.submit_task(key, n=3)

    assert "may spend 4 more today" in (await refused(service, key)).reason


async def test_what_was_not_consumed_returns_to_the_budgets(service: ServiceHarness) -> None:
    key = await account_key(service, credits_per_day=5, credits_per_month=5)
    task = await service.submit_task(key)
    await service.claim_tasks()
    await service.settle_task(task, FAILED)
    await service.submit_task(key)

    assert await spent(service, key) == [5, 5]
    assert await service.ledger_faults() == []


async def test_a_day_and_a_month_end_at_midnight_utc(service: ServiceHarness) -> None:
    service.clock.ms = LAST_OF_MONTH_MS - DAY_MS
    key = await account_key(service, credits_per_day=5, credits_per_month=10)
    await service.submit_task(key)
    service.clock.ms += DAY_MS
    await service.submit_task(key)
    last = await refused(service, key)
    service.clock.ms = (service.clock.ms // DAY_MS + 1) * DAY_MS
    await service.submit_task(key)

    assert "today" in last.reason
    assert await spent(service, key) == [5, 5]


async def test_a_failure_of_the_last_month_gives_this_one_nothing(service: ServiceHarness) -> None:
    service.clock.ms = LAST_OF_MONTH_MS
    key = await account_key(service, credits_per_month=5)
    task = await service.submit_task(key)
    await service.claim_tasks()
    service.clock.ms += DAY_MS
    await service.submit_task(key)
    await service.settle_task(task, FAILED)

    assert await spent(service, key) == [5, 5]


async def test_a_budget_counts_what_was_spent_before_it_was_set(service: ServiceHarness) -> None:
    key = await account_key(service)
    await service.submit_task(key)
    await service.accounts.limit_spending("ada", {"credits_per_month": 9})
    refusal = await refused(service, key)
    await service.accounts.limit_spending("ada", {"credits_per_month": None})
    await service.submit_task(key)

    assert "may spend 4 more this month" in refusal.reason


async def test_a_change_of_a_budget_is_written_to_the_audit_log(service: ServiceHarness) -> None:
    await account_key(service, credits_per_day=9)
    entries = await service.store.read(lambda records: records.audit_log.since(0, 100))

    [entry] = [each for each in entries if each.act == "account.budget"]
    assert entry.details == {"from": {}, "to": {"credits_per_day": 9}}


# --- warnings ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def hooks(service: ServiceHarness) -> AsyncIterator[WebhookHarness]:
    async with webhook_harness(service) as hooks:
        yield hooks


def percents(entries: list[MutableMapping[str, Any]]) -> list[tuple[Any, ...]]:
    return [(each["period"], each["percent"]) for each in entries if "budget" in each["event"]]


async def test_a_warning_is_sent_and_logged_once_at_each_threshold(hooks: WebhookHarness) -> None:
    service, key = hooks.service, hooks.key
    await service.accounts.limit_spending("ada", {"credits_per_month": 50})
    webhook = (await hooks.add("/hook", EventType.BUDGET)).webhook.id
    with capture_logs() as logged:
        for _ in range(10):
            await service.submit_task(key)
        for _ in range(2):
            await refused(service, key)
    await hooks.send_due()

    assert percents(logged) == [("month", 50), ("month", 80), ("month", 100)]
    assert len(await hooks.histories(webhook)) == 3
    sent = [json.loads(each.body)["data"]["budget"] for each in hooks.receiver.messages]
    assert {each["percent"]: each["spent"] for each in sent} == {50: 25, 80: 40, 100: 50}
    assert sent[0] | {"percent": 0, "spent": 0} == {
        "of": "account",
        "period": "month",
        "percent": 0,
        "spent": 0,
        "limit": 50,
    }


async def test_a_refusal_is_announced_once_though_something_is_left(hooks: WebhookHarness) -> None:
    service = hooks.service
    made = await service.accounts.create_key("ada", "k", ("generate",), KeyLimits(credits_per_day=6))
    webhook = (await hooks.add("/hook", EventType.BUDGET)).webhook.id
    with capture_logs() as logged:
        await service.submit_task(made.key)
        for _ in range(3):
            await refused(service, made.key)
    await hooks.send_due()

    assert percents(logged) == [("day", 80), ("day", 100)]
    assert len(await hooks.histories(webhook)) == 2
    assert {json.loads(each.body)["data"]["budget"]["key_id"] for each in hooks.receiver.messages} == {made.key.id}


async def test_each_period_has_its_own_warnings(service: ServiceHarness) -> None:
    service.clock.ms = LAST_OF_MONTH_MS
    key = await account_key(service, credits_per_day=10)
    with capture_logs() as logged:
        await service.submit_task(key)
        service.clock.ms += DAY_MS
        await service.submit_task(key)

    assert percents(logged) == [("day", 50), ("day", 50)]


async def test_who_did_not_ask_gets_no_warning(hooks: WebhookHarness) -> None:
    await hooks.service.accounts.limit_spending("ada", {"credits_per_day": 5})
    ends = (await hooks.add()).webhook.id
    other = await hooks.service.open_account("bob", limit=10)
    theirs = (await hooks.add("/theirs", EventType.BUDGET, key=other)).webhook.id
    await hooks.service.submit_task(hooks.key)

    assert await hooks.histories(ends) == []
    assert await hooks.histories(theirs) == []


async def test_a_task_that_is_not_accepted_announces_nothing(hooks: WebhookHarness) -> None:
    await hooks.service.accounts.limit_spending("ada", {"credits_per_day": 5})
    limited = (await hooks.service.accounts.create_key("ada", "k", ("generate",), KeyLimits(tasks=0))).key
    webhook = (await hooks.add("/hook", EventType.BUDGET)).webhook.id
    with capture_logs() as logged:
        await refused(hooks.service, limited)

    assert percents(logged) == []
    assert await hooks.histories(webhook) == []


def test_a_budget_of_nothing_warns_of_nothing() -> None:
    day = Budget(BudgetPeriod.DAY, spent=0, most=0, warned=0)

    assert day.due_warning() is None
    assert not day.has_room(1)
