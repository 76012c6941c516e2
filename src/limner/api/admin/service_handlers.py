"""The service as a whole: overview, queue, routes, failures, spend, audit log, janitor and examination."""

from dataclasses import asdict, dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from limner.api.admin.handlers import actor, body, note, page, query, success
from limner.api.admin.wire import (
    AdminExamination,
    AdminFailurePage,
    AdminPage,
    AdminPeriod,
    AdminProvider,
    AdminRest,
    AdminRoute,
)
from limner.api.service_container import OperatorServices
from limner.application.operations.rest_routes import RestRoutes
from limner.db.records import Records
from limner.db.tables.operations.admin_pages import AccountQueue
from limner.domain.refusal import Code, Refusal

HOUR_MS = 3_600_000
LAST = 2**62
"""Above every number of the audit log."""


@dataclass(frozen=True, slots=True)
class ServiceAdmin:
    services: OperatorServices

    async def overview(self, _request: Request) -> Response:
        return success(await self.services.read_overview())

    async def queue(self, _request: Request) -> Response:
        overview = await self.services.read_overview()

        def work(records: Records) -> list[dict[str, object]]:
            names = {str(each.id): each.name for each in records.accounts.all()}
            return [_named(each, names) for each in records.admin_pages.by_account()]

        return success({"by_model": overview.queue, "by_account": await self.services.store.read(work)})

    async def routes(self, _request: Request) -> Response:
        return success({"rows": await self.services.read_route_statistics(), "next": None})

    async def rest(self, request: Request) -> Response:
        asked = await body(request, AdminRest)
        return success(await self._rest_routes(request).rest(asked.route, asked.minutes, asked.reason))

    async def wake(self, request: Request) -> Response:
        asked = await body(request, AdminRoute)
        return success(await self._rest_routes(request).wake(asked.route))

    async def check(self, request: Request) -> Response:
        asked = await body(request, AdminProvider)
        found = await self.services.check_providers(asked.provider)
        await note(self.services, request, "providers.check", asked.provider or "all", {})
        rows = [{"provider": name, "well": said.well, "says": said.says} for name, said in found.items()]
        return success({"rows": rows, "next": None})

    async def failures(self, request: Request) -> Response:
        asked, now_ms = query(request, AdminFailurePage), self.services.clock.now_ms()
        since_ms, before = now_ms - asked.hours * HOUR_MS, _position(asked.after, now_ms)
        rows = await self.services.store.read(
            lambda records: list(records.admin_pages.failures(since_ms, before, asked.limit + 1))
        )
        return success(page(rows, asked.limit, lambda row: f"{row.began_ms}.{row.id}"))

    async def spend(self, request: Request) -> Response:
        hours, now_ms = query(request, AdminPeriod).hours, self.services.clock.now_ms()
        since_ms = now_ms - hours * HOUR_MS
        rows = await self.services.store.read(lambda records: records.attempts.spend(since_ms, now_ms + 1))
        worth_usd = sum(row.credits for row in rows) * self.services.credit_usd
        paid_usd = sum(row.cost_usd for row in rows)
        total = {"worth_usd": worth_usd, "paid_usd": paid_usd, "margin_usd": worth_usd - paid_usd}
        return success({"since_ms": since_ms, "rows": rows, **total})

    async def audit(self, request: Request) -> Response:
        asked = query(request, AdminPage)
        before = _number(asked.after) if asked.after else LAST
        rows = await self.services.store.read(lambda records: list(records.admin_pages.audit(before, asked.limit + 1)))
        return success(page(rows, asked.limit, lambda row: str(row.number)))

    async def prune(self, request: Request) -> Response:
        pruned = asdict(await self.services.prune())
        await note(self.services, request, "janitor.run", "all", pruned)
        return success(pruned)

    async def examine(self, request: Request) -> Response:
        asked = await body(request, AdminExamination)
        found = await self.services.examine(hashes=False, repair=asked.repair)
        if asked.repair:
            await note(self.services, request, "doctor.repair", "all", {"repaired": sum(f.repaired for f in found)})
        return success({"well": all(finding.well for finding in found), "findings": found})

    def _rest_routes(self, request: Request) -> RestRoutes:
        return replace(self.services.rest_routes, actor=actor(request))


def _named(queue: AccountQueue, names: dict[str, str]) -> dict[str, object]:
    return asdict(queue) | {"account": names.get(queue.account, queue.account)}


def _position(text: str, now_ms: int) -> tuple[int, str]:
    """A cursor of the failures: a time and an attempt's id."""
    if not text:
        return now_ms + 1, ""
    at_ms, _, attempt = text.partition(".")
    return _number(at_ms), attempt


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refusal(
            Code.INVALID,
            f"{text[:100]!r} is no cursor of this list",
            suggestion="Pass the `next` of the page before, or leave `after` out for the first page.",
            field="after",
        )
    return int(text)
