"""Route statistics from the journal, free checks, and routes that an operator rests."""

import math
from dataclasses import replace

import pytest

from limner.application.generation.journal import DeliveredImage, IntendedAttempt, KeptImage, SpendJournal
from limner.application.generation.route_limits import RouteLimits, RouteWait
from limner.application.generation.routing import Routing
from limner.application.operations.check_providers import CheckProviders
from limner.application.operations.rest_routes import RestRoutes
from limner.application.operations.route_states import RouteCondition
from limner.application.route_statistics.read import FRESH_MS, HOUR_MS, ReadRouteStatistics, RouteStatistics
from limner.application.route_statistics.watch_routes import WatchRoutes
from limner.db.tables.keys import Key
from limner.domain.ids import AttemptId
from limner.domain.refusal import Refusal
from limner.domain.routing.call_statistics import Drift, Outlook
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.routing.route import Route
from limner.ports.provider import UpstreamCheck
from limner.providers.sandbox import SandboxProvider
from stores import FAILED, PICTURE, SUCCEEDED, ServiceHarness

MODEL = "flux.1_kontext_pro"
FIRST = Route("first/flux", "first", "flux", 180.0, "resend_once", price_usd=0.04)  # type: ignore[arg-type]
SECOND = replace(FIRST, name="second/flux", provider="second")


class CheckedProvider(SandboxProvider):
    """A provider with a free check, whose answer a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.said = UpstreamCheck(well=True, says="1 model")
        self.asked = 0

    async def check(self, _upstreams: object) -> UpstreamCheck:
        self.asked += 1
        return self.said


@pytest.fixture
def checked() -> CheckedProvider:
    return CheckedProvider()


@pytest.fixture
def routing(service: ServiceHarness, checked: CheckedProvider) -> Routing:
    providers = {"first": checked, "second": SandboxProvider()}
    return replace(service.routing, providers=providers, routes={MODEL: (FIRST, SECOND)})


@pytest.fixture
def journal(service: ServiceHarness) -> SpendJournal:
    return SpendJournal(service.store, service.clock)


async def call(  # noqa: PLR0917 - the facts of one call
    service: ServiceHarness,
    journal: SpendJournal,
    key: Key,
    seconds: float = 4,
    kind: FailureKind | None = None,
    cost_usd: float | None = 0.04,
) -> int | None:
    """One task with one call of so many seconds; returns what was expected of it, in milliseconds."""
    task = await service.submit_task(key)
    await service.claim_tasks()
    turn = await journal.intend(task, 1, [FIRST])
    assert isinstance(turn, IntendedAttempt)
    expected = (await service.task(task)).expected_ms
    service.clock.pass_time(seconds)
    if kind is None:
        await journal.delivered(
            DeliveredImage(turn.attempt, FIRST, KeptImage(PICTURE, {"provider": "first"}), 10, cost_usd)
        )
        await service.settle_task(task, SUCCEEDED)
    else:
        await journal.failed(turn.attempt, Failure(kind, "no"), None)
        await service.settle_task(task, FAILED)
    return expected


async def first(read: ReadRouteStatistics) -> RouteStatistics:
    return next(each for each in await read() if each.state.route == FIRST.name)


async def test_a_routes_last_hour_and_day_are_told_apart(
    service: ServiceHarness, journal: SpendJournal, routing: Routing
) -> None:
    key = await service.open_account(opening=10_000)
    for _ in range(6):
        await call(service, journal, key, seconds=3)
    service.clock.pass_time(HOUR_MS / 1000)
    for _ in range(6):
        await call(service, journal, key, seconds=8)
    await call(service, journal, key, kind=FailureKind.TIMEOUT)
    found = await first(ReadRouteStatistics(service.store, routing, service.clock))

    assert (found.hour.calls, found.hour.pictures, found.hour.failures) == (7, 6, {"timeout": 1})
    assert (found.hour.p50_ms, found.day.p50_ms, found.day.p95_ms) == (8_000, 3_000, 8_000)
    assert found.outlook is Outlook.SLOW
    assert (found.state.models, found.state.condition) == ((MODEL,), RouteCondition.OPEN)


async def test_statistics_are_read_once_within_some_seconds(
    service: ServiceHarness, journal: SpendJournal, routing: Routing
) -> None:
    key = await service.open_account()
    read = ReadRouteStatistics(service.store, routing, service.clock)
    before = await first(read)
    await call(service, journal, key, seconds=1)
    same = await first(read)
    service.clock.pass_time(FRESH_MS / 1000)
    later = await first(read)

    assert [each.hour.calls for each in (before, same, later)] == [0, 0, 1]


async def test_the_expected_time_follows_a_vendor_whose_speed_drifts_threefold(
    service: ServiceHarness, journal: SpendJournal
) -> None:
    """Eight of ten tasks are told their time within 30 % while the vendor goes from 4 to 12 seconds and back."""
    key = await service.open_account(opening=10_000)
    durations = [8 - 4 * math.cos(2 * math.pi * number / 60) for number in range(120)]
    expected = [await call(service, journal, key, seconds=each) for each in durations]
    close = [
        guess for guess, each in zip(expected, durations, strict=True) if abs((guess or 0) / 1000 - each) <= 0.3 * each
    ]

    assert len(close) >= 0.8 * len(durations)


async def test_a_change_of_price_is_an_alarm_once(
    service: ServiceHarness, journal: SpendJournal, routing: Routing, checked: CheckedProvider
) -> None:
    from structlog.testing import capture_logs  # noqa: PLC0415

    key = await service.open_account(opening=10_000)
    for _ in range(5):
        await call(service, journal, key, cost_usd=0.09)
    watch = watcher(service, routing)
    with capture_logs() as logged:
        await watch()
        service.clock.pass_time(600)
        await watch()
    found = await first(ReadRouteStatistics(service.store, routing, service.clock))

    assert checked.asked == 2
    assert found.drifts == [Drift.PRICE]
    assert [each["drift"] for each in logged if each["event"] == "route has changed"] == ["first/flux: price"]
    assert found.check
    assert found.check.drifts == ("first/flux: price",)


def watcher(service: ServiceHarness, routing: Routing) -> WatchRoutes:
    check = CheckProviders(service.store, routing, RouteLimits(), service.clock, {"first": None, "second": "no key"})
    return WatchRoutes(service.store, check, service.clock, interval_ms=300_000)


async def test_all_workers_together_check_a_provider_once_in_the_interval(
    service: ServiceHarness, routing: Routing, checked: CheckedProvider
) -> None:
    one, two = watcher(service, routing), watcher(service, routing)
    await one()
    await two()
    asked = checked.asked
    service.clock.pass_time(300)
    await two()
    await one()

    assert (asked, checked.asked) == (1, 2)


async def test_a_check_that_fails_is_kept_and_one_that_succeeds_lets_an_open_route_be_tried(
    service: ServiceHarness, routing: Routing, checked: CheckedProvider
) -> None:
    watch = watcher(service, routing)
    checked.said = UpstreamCheck(well=False, says="the key is refused")
    await watch()
    now_ms = service.clock.now_ms()
    limits = RouteLimits()
    failure = Failure(FailureKind.AUTH, "the key is refused")
    await service.store.run(lambda records: limits.confirm_failure(records, FIRST, failure, now_ms))
    broken = await first(ReadRouteStatistics(service.store, routing, service.clock))
    checked.said = UpstreamCheck(well=True, says="1 model")
    await watch.check("first")
    mended = await first(ReadRouteStatistics(service.store, routing, service.clock))

    assert broken.check
    assert (broken.check.well, broken.check.says, broken.state.condition) == (False, "the key is refused", "broken")
    assert mended.check
    assert (mended.check.well, mended.state.condition) == (True, RouteCondition.OPEN)


async def test_a_rested_route_is_used_by_no_attempt_until_it_is_woken(
    service: ServiceHarness, journal: SpendJournal, routing: Routing
) -> None:
    rest = RestRoutes(service.store, routing, service.clock, "tester")
    state = await rest.rest(FIRST.name, 60, "a visit of the vendor")
    key = await service.open_account()
    other = await intend(service, journal, key, [FIRST, SECOND])
    alone = await intend(service, journal, key, [FIRST])
    await rest.wake(FIRST.name)
    woken = await intend(service, journal, key, [FIRST, SECOND])
    acts = await service.store.read(lambda records: records.audit_log.since(0, 10))

    assert (state.condition, state.reason) == (RouteCondition.RESTED, "a visit of the vendor")
    assert state.until_ms == service.clock.now_ms() + 3_600_000
    assert isinstance(other, IntendedAttempt)
    assert other.route == SECOND
    assert isinstance(alone, RouteWait)
    assert "an operator rests first/flux: a visit of the vendor" in alone.why
    assert isinstance(woken, IntendedAttempt)
    assert woken.route == FIRST
    assert [(each.act, each.actor) for each in acts if each.act.startswith("route")] == [
        ("route.rest", "tester"),
        ("route.wake", "tester"),
    ]


async def intend(
    service: ServiceHarness, journal: SpendJournal, key: Key, routes: list[Route]
) -> IntendedAttempt | RouteWait | Failure:
    task = await service.submit_task(key)
    await service.claim_tasks()
    return await journal.intend(task, 1, routes)


async def test_a_rest_ends_by_itself_and_a_failure_does_not_end_it(
    service: ServiceHarness, journal: SpendJournal, routing: Routing
) -> None:
    rest = RestRoutes(service.store, routing, service.clock)
    await rest.rest(FIRST.name, 2)
    now_ms = service.clock.now_ms()
    failure = Failure(FailureKind.TRANSIENT, "out of order")
    await service.store.run(
        lambda records: RouteLimits().record_failure(records, AttemptId("x"), FIRST, failure, now_ms, now_ms)
    )
    key = await service.open_account()
    during = await intend(service, journal, key, [FIRST])
    service.clock.pass_time(121)
    after = await intend(service, journal, key, [FIRST])

    assert isinstance(during, RouteWait)
    assert isinstance(after, IntendedAttempt)


@pytest.mark.parametrize(
    ("route", "minutes", "reason", "field"),
    [
        ("nothing/there", 10, "", "route"),
        (FIRST.name, 0, "", "minutes"),
        (FIRST.name, 43_201, "", "minutes"),
        (FIRST.name, 10, "x" * 201, "reason"),
        (FIRST.name, 10, "two\nlines", "reason"),
    ],
)
async def test_a_rest_that_cannot_be_is_refused(  # noqa: PLR0917 - the cases
    service: ServiceHarness, routing: Routing, route: str, minutes: int, reason: str, field: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await RestRoutes(service.store, routing, service.clock).rest(route, minutes, reason)

    assert refused.value.field == field
    assert await service.query("SELECT route FROM breakers") == []
