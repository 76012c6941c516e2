"""Accounts, grants, keys and webhooks."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from limner.api.admin.handlers import accounts, body, page, query, success
from limner.api.admin.wire import (
    AdminAccountChange,
    AdminGrant,
    AdminKeyLimits,
    AdminNewAccount,
    AdminNewKey,
    AdminPage,
    changes,
)
from limner.api.service_container import OperatorServices
from limner.application.accounts.manage import named
from limner.db.records import Records
from limner.db.tables.keys import Key
from limner.domain.accounts.key_limits import KeyLimits, day_of
from limner.domain.ids import KeyId
from limner.domain.refusal import Code, Refusal
from limner.domain.spending_rules import SpendingRules


@dataclass(frozen=True, slots=True)
class AccountAdmin:
    services: OperatorServices

    async def list(self, request: Request) -> Response:
        asked, now_ms = query(request, AdminPage), self.services.clock.now_ms()
        rows = await self.services.store.read(
            lambda records: list(records.admin_pages.accounts(asked.after, asked.limit + 1, now_ms))
        )
        return success(page(rows, asked.limit, lambda row: row.name))

    async def create(self, request: Request) -> Response:
        new = await body(request, AdminNewAccount)
        account = await accounts(self.services, request).create(new.name, new.credits, new.tasks)
        return success({"id": account.id, "name": account.name, "created_ms": account.created_ms})

    async def change(self, request: Request) -> Response:
        changed, name = await body(request, AdminAccountChange), request.path_params["name"]
        manage = accounts(self.services, request)
        if changed.tasks is None and changed.weight is None:
            raise Refusal(Code.INVALID, "nothing is to be changed", suggestion="Give tasks, weight or both.")
        if changed.tasks is not None:
            await manage.limit(name, changed.tasks)
        if changed.weight is not None:
            await manage.weigh(name, changed.weight)
        return success({"name": name, "tasks": changed.tasks, "weight": changed.weight})

    async def grant(self, request: Request) -> Response:
        given, name = await body(request, AdminGrant), request.path_params["name"]
        has = await accounts(self.services, request).grant(name, given.credits, given.note)
        return success({"name": name, "available": has.available, "held": has.frozen})

    async def keys(self, request: Request) -> Response:
        name, today = request.path_params["name"], day_of(self.services.clock.now_ms())

        def work(records: Records) -> "list[dict[str, object]]":
            found = records.keys.of(named(records, name).id)
            return [_key(key) | {"usage": records.keys.usage(key.id, today)} for key in found]

        return success({"rows": await self.services.store.read(work), "next": None})

    async def create_key(self, request: Request) -> Response:
        new, name = await body(request, AdminNewKey), request.path_params["name"]
        limits = changes(new)
        expires_ms = limits.pop("expires_ms", None)
        rules = SpendingRules(limits.pop("max_vendor_usd", None), limits.pop("fallback", None))
        made = await accounts(self.services, request).create_key(
            name, new.name, tuple(new.scopes), KeyLimits(**limits), expires_ms, rules=rules
        )
        return success(_key(made.key) | {"secret": made.secret})

    async def limit_key(self, request: Request) -> Response:
        limits = changes(await body(request, AdminKeyLimits))
        return success(_key(await accounts(self.services, request).limit_key(_key_id(request), limits)))

    async def revoke_key(self, request: Request) -> Response:
        if not await accounts(self.services, request).revoke_key(_key_id(request)):
            raise Refusal(
                Code.INVALID,
                f"there is no active key {_key_id(request)[:100]!r}",
                suggestion="GET /admin/accounts/{name}/keys shows the ids of an account's keys.",
                field="key_id",
            )
        return success({"id": _key_id(request), "revoked": True})


def _key_id(request: Request) -> KeyId:
    return KeyId(request.path_params["key_id"])


def _key(key: Key) -> dict[str, object]:
    """A key without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes,
        "created_ms": key.created_ms,
        "revoked_ms": key.revoked_ms,
        "expires_ms": key.expires_ms,
        "used_ms": key.used_ms,
        "limits": key.allowance,
        "rules": key.rules,
    }
