"""What a task may cost at vendors: the rules of the task, its key and its account, at its acceptance."""

from dataclasses import replace
from typing import Any

import pytest

from limner.application.accounts.manage import CreatedKey
from limner.application.generation.route_limits import RouteLimits
from limner.application.tasks.quote import Quote, QuoteTask
from limner.db.tables.keys import Key
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.prices import Prices
from limner.domain.routing.route import Route, UnknownOutcome
from limner.domain.spending_rules import Fallback, SpendingRules
from stores import ServiceHarness, request_with

MODEL = "flux.1_kontext_pro"


def route(upstream: str, price_usd: float | None) -> Route:
    return Route(f"paid/{upstream}", "paid", upstream, 60, UnknownOutcome.RESEND_ONCE, price_usd=price_usd)


class Paid:
    """A provider that is never called."""

    name, resumable, free = "paid", False, False


@pytest.fixture
def service(service: ServiceHarness) -> ServiceHarness:
    service.providers = {"paid": Paid()}  # type: ignore[dict-item]
    service.routes = {MODEL: (route("flux-kontext-max", 0.08), route("flux-kontext-pro", 0.04))}
    return service


async def key_with(service: ServiceHarness, **rules: Any) -> CreatedKey:
    await service.accounts.create("ada", 1000, 100)
    return await service.accounts.create_key("ada", "k", ("generate",), rules=SpendingRules(**rules))


async def rules_of(service: ServiceHarness, task: Any) -> SpendingRules:
    spec = await service.store.read(lambda records: records.tasks.spec(task))
    assert spec
    return spec.rules


async def test_a_route_above_the_cap_is_skipped(service: ServiceHarness) -> None:
    made = await key_with(service)
    submitted = await service.submit_request(made.key, max_vendor_usd=0.05)

    assert await rules_of(service, submitted.task) == SpendingRules(0.05)
    [route] = service.routing.routes_for(MODEL, 0, (await spec_of(service, submitted.task)))
    assert route.upstream == "flux-kontext-pro"


async def spec_of(service: ServiceHarness, task: Any) -> Any:
    return await service.store.read(lambda records: records.tasks.spec(task))


async def test_a_task_that_no_route_can_serve_is_refused_before_anything_is_held(service: ServiceHarness) -> None:
    made = await key_with(service)
    before = await service.balance(made.key)
    with pytest.raises(Refusal) as refusal:
        await service.submit_task(made.key, max_vendor_usd=0.01)

    assert (refusal.value.code, refusal.value.field) == (Code.INVALID, "max_vendor_usd")
    assert "for at most $0.01" in refusal.value.reason
    assert await service.balance(made.key) == before
    assert await service.query("SELECT id FROM tasks") == []


async def test_the_strictest_of_task_key_and_account_is_kept_with_the_task(service: ServiceHarness) -> None:
    made = await key_with(service, fallback=Fallback.SAME_PRICE)
    await service.accounts.limit_spending("ada", {"max_vendor_usd": 0.05, "fallback": Fallback.ANY})
    found = await service.store.read(lambda records: records.keys.get(made.key.id))
    assert found
    task = await service.submit_task(found, max_vendor_usd=0.5, fallback="any")

    assert await rules_of(service, task) == SpendingRules(0.05, Fallback.SAME_PRICE)


async def test_another_account_has_its_own_rules(service: ServiceHarness) -> None:
    await key_with(service)
    await service.accounts.limit_spending("ada", {"max_vendor_usd": 0.0})
    other = await service.open_account("bob")

    assert await rules_of(service, await service.submit_task(other)) == SpendingRules()


async def test_a_key_is_changed_back(service: ServiceHarness) -> None:
    made = await key_with(service, max_vendor_usd=0.0, fallback=Fallback.NEVER)
    changed = await service.accounts.limit_key(made.key.id, {"max_vendor_usd": None, "fallback": None, "tasks": 3})

    assert changed.rules == SpendingRules()
    found = await service.store.read(lambda records: records.keys.get(made.key.id))
    assert found == replace(changed, account_rules=SpendingRules())


# --- in a quote ----------------------------------------------------------------------------------------------------


async def quoted(service: ServiceHarness, key: Key, **fields: Any) -> Quote:
    quote = QuoteTask(service.store, service.plan, service.clock, transcode_webp=False)
    return await quote(key, request_with(**fields), problems=Problems(collect=True))


async def test_a_quote_tells_the_routes_in_their_order_and_those_left_out(service: ServiceHarness) -> None:
    made = await key_with(service)
    free, capped = [await quoted(service, made.key, max_vendor_usd=cap) for cap in (None, 0.05)]

    assert [each.route.upstream for each in free.routes] == ["flux-kontext-max", "flux-kontext-pro"]
    assert [each.price_usd for each in free.routes] == [0.08, 0.04]
    assert free.skipped == ()
    assert [each.route.upstream for each in capped.routes] == ["flux-kontext-pro"]
    assert [each.reason for each in capped.skipped] == ["costs $0.08, and max_vendor_usd is 0.05"]


async def test_a_cap_and_a_quote_know_the_price_of_the_quality(service: ServiceHarness) -> None:
    """A quality that the first route does not obey costs nothing there; the second makes it, and is above the cap."""
    prices = Prices(0.05, {"medium": ((2**20, 0.05),), "high": ((2**20, 0.21),)}, "medium")
    able = replace(route("gpt-image-2", 0.05), prices=prices, abilities=Abilities(qualities=frozenset(prices.points)))
    service.routes = {MODEL: (able, route("flux-kontext-pro", 0.04))}
    made = await key_with(service)
    high, capped = [await quoted(service, made.key, quality="high", max_vendor_usd=cap) for cap in (None, 0.1)]

    assert [each.price_usd for each in high.routes] == [0.21, 0.04]
    assert [each.route.upstream for each in capped.routes] == ["flux-kontext-pro"]
    assert [each.reason for each in capped.skipped] == ["costs $0.21, and max_vendor_usd is 0.1"]


async def test_a_quote_names_the_first_route_that_is_open(service: ServiceHarness) -> None:
    made = await key_with(service)
    failure = Failure(FailureKind.AUTH, "the key was refused")
    first = service.routes[MODEL][0]
    now_ms = service.clock.now_ms()
    await service.store.run(lambda records: RouteLimits().confirm_failure(records, first, failure, now_ms))
    quote = await quoted(service, made.key)

    assert quote.would_run
    assert quote.would_run.route.upstream == "flux-kontext-pro"
    assert [each.state.reason for each in quote.routes] == ["the key was refused", None]


async def test_a_quote_of_a_task_that_no_route_can_serve_says_so(service: ServiceHarness) -> None:
    made = await key_with(service, max_vendor_usd=0.01)
    quote = await quoted(service, made.key)

    assert [each.field for each in quote.problems] == ["max_vendor_usd"]
    assert (quote.would_run, len(quote.skipped)) == (None, 2)


async def test_a_quote_counts_the_tasks_before_it(service: ServiceHarness) -> None:
    made = await key_with(service)
    before = await quoted(service, made.key)
    for _ in range(3):
        await service.submit_task(made.key)
    other = await service.open_account("bob")

    assert (before.ahead, (await quoted(service, made.key)).ahead) == (0, 3)
    assert (await quoted(service, other)).ahead < 3


async def test_a_quote_tells_a_spent_budget(service: ServiceHarness) -> None:
    made = await key_with(service)
    await service.accounts.limit_spending("ada", {"credits_per_day": 4})
    quote = await quoted(service, made.key)

    assert [each.code for each in quote.problems] == [Code.NO_CREDIT]
    assert quote.funds.of_account[0].left == 4
