"""The routes of `/admin`. Errors come in the envelope of v2."""

from collections.abc import Mapping
from typing import Any

from limner.api.admin import openapi
from limner.api.admin.account_handlers import AccountAdmin
from limner.api.admin.service_handlers import ServiceAdmin
from limner.api.http.operation import Endpoint, Operation
from limner.api.service_container import OperatorServices

PREFIX = "/admin"


def operations(services: OperatorServices) -> list[Operation]:
    service, account = ServiceAdmin(services), AccountAdmin(services)
    one, key = "/accounts/{name}", "/keys/{key_id}"

    def row(method: str, path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]) -> Operation:
        return Operation(method, PREFIX + path, endpoint, "operators", summary, described, "admin")

    return [
        row("GET", "/overview", service.overview, "The service at a glance", openapi.OVERVIEW),
        row("GET", "/queue", service.queue, "The queue by model and by account", openapi.QUEUE),
        row("GET", "/routes", service.routes, "Routes, their statistics and checks", openapi.ROUTES),
        row("POST", "/routes/rest", service.rest, "Rest a route", openapi.REST),
        row("POST", "/routes/wake", service.wake, "Wake a route", openapi.WAKE),
        row("POST", "/providers/check", service.check, "Check providers with free calls", openapi.CHECK),
        row("GET", "/failures", service.failures, "Failed attempts", openapi.FAILURES),
        row("GET", "/spend", service.spend, "What was paid, and the margin", openapi.SPEND),
        row("GET", "/audit", service.audit, "The audit log", openapi.AUDIT),
        row("POST", "/janitor", service.prune, "Remove expired data now", openapi.PRUNE),
        row("POST", "/doctor", service.examine, "Compare rows with rows and files", openapi.EXAMINE),
        row("GET", "/accounts", account.list, "List accounts", openapi.ACCOUNTS),
        row("POST", "/accounts", account.create, "Create an account", openapi.CREATE_ACCOUNT),
        row("POST", f"{one}/limits", account.change, "Change an account's limits", openapi.CHANGE_ACCOUNT),
        row("POST", f"{one}/grants", account.grant, "Give an account credits", openapi.GRANT),
        row("GET", f"{one}/keys", account.keys, "List an account's keys", openapi.KEYS),
        row("POST", f"{one}/keys", account.create_key, "Create a key", openapi.CREATE_KEY),
        row("GET", f"{one}/webhooks", account.webhooks, "List an account's webhooks", openapi.WEBHOOKS),
        row("POST", f"{key}/limits", account.limit_key, "Change a key's limits", openapi.LIMIT_KEY),
        row("POST", f"{key}/revoke", account.revoke_key, "Revoke a key", openapi.REVOKE_KEY),
    ]
