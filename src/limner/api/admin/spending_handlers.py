"""Budgets, ledger and erasure of accounts, their templates, and links to the Studio."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from limner.api.admin.handlers import account_id, accounts, actor, body, note, query, success
from limner.api.admin.wire import AdminBudget, AdminErasure, AdminLedgerPage, AdminShare, AdminStudioLink
from limner.api.service_container import OperatorServices
from limner.application.accounts.manage import named
from limner.application.accounts.sign_in import OPERATOR_SCOPES, STUDIO_SCOPES
from limner.db.records import Records
from limner.domain.accounts.budgets import periods_of


@dataclass(frozen=True, slots=True)
class SpendingAdmin:
    services: OperatorServices

    async def budget(self, request: Request) -> Response:
        return success(await self._budget(_name(request)))

    async def change_budget(self, request: Request) -> Response:
        asked, name = await body(request, AdminBudget), _name(request)
        changes = {field: getattr(asked, field) for field in asked.model_fields_set}
        await accounts(self.services, request).limit_spending(name, changes)
        return success(await self._budget(name))

    async def ledger(self, request: Request) -> Response:
        limit, name = query(request, AdminLedgerPage).limit, _name(request)

        def work(records: Records) -> Mapping[str, Any]:
            account = named(records, name)
            has = records.accounts.balance(account.id)
            rows = list(records.ledger.of(account.id, limit))
            return {"name": name, "available": has.available, "held": has.frozen, "rows": rows}

        return success(await self.services.store.read(work))

    async def prove(self, _request: Request) -> Response:
        faults = await self.services.store.read(lambda records: list(records.ledger.inconsistencies()))
        return success({"proved": not faults, "faults": faults})

    async def erase(self, request: Request) -> Response:
        by = (await body(request, AdminErasure)).by
        erase_account = self.services.erase_account
        erase = replace(erase_account.erase, actor=actor(request))
        erased = await replace(erase_account, erase=erase)(_name(request), by)
        await self.services.scrub()
        return success(erased)

    async def studio_link(self, request: Request) -> Response:
        asked, name = await body(request, AdminStudioLink), _name(request)
        token = await self.services.sign_in.make_link(name, OPERATOR_SCOPES if asked.operator else STUDIO_SCOPES)
        account = await account_id(self.services, name)
        await note(self.services, request, "studio.link", account, {"operator": asked.operator})
        return success({"url": f"{self.services.public_url}/studio/link/{token}", "name": name})

    async def templates(self, request: Request) -> Response:
        found = await self.services.templates.visible(await account_id(self.services, _name(request)))
        return success({"rows": [_template(each) for each in found.values()], "next": None})

    async def template_versions(self, request: Request) -> Response:
        owner = await account_id(self.services, _name(request))
        found = await self.services.templates.history(owner, request.path_params["slug"])
        return success({"rows": [_template(each) for each in found], "next": None})

    async def share_template(self, request: Request) -> Response:
        asked, name, slug = await body(request, AdminShare), _name(request), request.path_params["slug"]
        await self.services.templates.share(name, slug, asked.guest, actor(request), shared=asked.shared)
        return success({"name": name, "slug": slug, "guest": asked.guest, "shared": asked.shared})

    async def remove_template(self, request: Request) -> Response:
        owner, slug = await account_id(self.services, _name(request)), request.path_params["slug"]
        await self.services.templates.remove(owner, slug, actor(request))
        return success({"name": _name(request), "slug": slug, "removed": True})

    async def _budget(self, name: str) -> Mapping[str, Any]:
        periods = periods_of(self.services.clock.now_ms())

        def work(records: Records) -> Mapping[str, Any]:
            account = named(records, name).id
            spent = {each.period.value: each.spent for each in records.accounts.budgets(account, periods)}
            return {"name": name, "limits": asdict(records.accounts.limits(account)), "spent": spent}

        return await self.services.store.read(work)


def _template(version: Any) -> dict[str, Any]:
    return {
        "slug": version.slug,
        "version": version.version,
        "title": version.template.title,
        "created_ms": version.created_ms,
        "created_by": version.created_by,
    }


def _name(request: Request) -> str:
    return str(request.path_params["name"])
