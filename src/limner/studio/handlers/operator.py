"""The operator's page: queue, routes, failures, spend, accounts, and the audit log. For keys with the scope admin."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from limner.api.service_container import OperatorServices
from limner.application.operations.route_states import RouteCondition
from limner.application.route_statistics.read import RouteStatistics
from limner.db.records import Records
from limner.db.tables.attempts import RouteSpend
from limner.db.tables.operations.admin_pages import AccountQueue, AccountRow, FailedAttempt
from limner.db.tables.operations.audit_log import AuditEntry
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.task import Status
from limner.studio.handlers.account import when
from limner.studio.page import Pages
from limner.studio.plots import bar
from limner.studio.session import form_of, root_of, session_of

HOURS = (1, 24, 168)
HOUR_MS = 3_600_000
MOST_ACCOUNTS, MOST_FAILURES, MOST_ACTS = 100, 500, 20
REST_MINUTES = 60
LAST = 2**62


@dataclass(frozen=True, slots=True)
class OperatorLists:
    """What the page reads in one snapshot."""

    accounts: Sequence[AccountRow]
    queue: Sequence[AccountQueue]
    failures: Sequence[FailedAttempt]
    spend: Sequence[RouteSpend]
    audit: Sequence[AuditEntry]
    ends: Mapping[str, int]

    @property
    def ended(self) -> int:
        return sum(self.ends.values())

    @property
    def with_picture(self) -> int:
        return self.ends.get(Status.SUCCESS, 0)


@dataclass(frozen=True, slots=True)
class OperatorHandlers:
    operators: OperatorServices
    pages: Pages

    async def page(self, request: Request) -> Response:
        asked = request.query_params.get("hours", "24")
        hours, now_ms = int(asked) if asked in map(str, HOURS) else 24, self.operators.clock.now_ms()
        lists = await self.operators.store.read(lambda records: _lists(records, now_ms - hours * HOUR_MS, now_ms))
        overview, routes = (
            await self.operators.read_overview(),
            await self.operators.read_route_statistics.with_states_of_now(),
        )
        paid_usd = sum(row.cost_usd for row in lists.spend)
        worth_usd = sum(row.credits for row in lists.spend) * self.operators.credit_usd
        return await self.pages.page(
            request,
            "operator",
            hours=hours,
            periods=HOURS,
            since=f"{datetime.fromtimestamp((now_ms - hours * HOUR_MS) / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
            overview=overview,
            oldest_s=(now_ms - min(each.oldest_ms for each in overview.queue)) // 1000 if overview.queue else 0,
            free_bytes=await asyncio.to_thread(self.operators.free_bytes),
            routes=[each for each in routes if is_notable(each)],
            quiet_routes=[each for each in routes if not is_notable(each)],
            lists=lists,
            failures=_failure_rows(lists.failures),
            queue_bars=_queue_bars(lists),
            paid_usd=paid_usd,
            margin_usd=worth_usd - paid_usd,
            when=when,
        )

    async def rest(self, request: Request) -> Response:
        """Use a route for an hour no more, or again at once."""
        form = await form_of(request)
        route, rests = (
            str(form.get("route", "")),
            replace(self.operators.rest_routes, actor=f"key {session_of(request).key.id}"),
        )
        if form.get("act") == "wake":
            await rests.wake(route)
        else:
            await rests.rest(route, REST_MINUTES, "from the Studio")
        return RedirectResponse(f"{root_of(request)}/operator#weather", 303)

    async def grant(self, request: Request) -> Response:
        form = await form_of(request)
        account, text = str(form.get("account", "")), str(form.get("credits", "")).strip().replace(",", "")
        if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
            raise Refusal(
                Code.INVALID, f"{text!r} is no number of credits", suggestion="Write a whole number.", field="credits"
            )
        accounts = replace(self.operators.accounts, actor=f"key {session_of(request).key.id}")
        await accounts.grant(account, int(text), str(form.get("note", "")).strip()[:200] or None)
        return RedirectResponse(f"{root_of(request)}/operator#accounts", 303)


def is_notable(statistics: RouteStatistics) -> bool:
    """Whether a route was called in the last day, or is not as usual; the others are folded away."""
    return bool(statistics.day.calls) or statistics.state.condition is not RouteCondition.OPEN


def _lists(records: Records, since_ms: int, now_ms: int) -> OperatorLists:
    pages = records.admin_pages
    return OperatorLists(
        accounts=list(pages.accounts("", MOST_ACCOUNTS, now_ms)),
        queue=list(pages.by_account()),
        failures=list(pages.failures(since_ms, (now_ms + 1, ""), MOST_FAILURES)),
        spend=list(records.attempts.spend(since_ms, now_ms + 1)),
        audit=list(pages.audit(LAST, MOST_ACTS)),
        ends=pages.ends(since_ms),
    )


def _failure_rows(failures: Sequence[FailedAttempt]) -> Sequence[tuple[str, Markup, int, int]]:
    """(kind, bar, count, charged): free ones dark, those that the vendor charged red."""
    free = Counter(each.kind for each in failures if not each.charged)
    paid = Counter(each.kind for each in failures if each.charged)
    most = max((free + paid).values(), default=0)
    return [
        (kind, bar([(free[kind], "b1"), (paid[kind], "rd")], most), count, paid[kind])
        for kind, count in (free + paid).most_common()
    ]


def _queue_bars(lists: OperatorLists) -> dict[str, Markup]:
    """By account: running dark, queued grey."""
    most = max((each.running + each.queued for each in lists.queue), default=0)
    return {each.account: bar([(each.running, "r"), (each.queued, "f")], most) for each in lists.queue}
