"""The routes of `/admin`. Errors come in the envelope of v2."""

from collections.abc import Mapping
from typing import Any

from limner.api.admin import openapi
from limner.api.admin.account_handlers import AccountAdmin
from limner.api.admin.moderation_handlers import ModerationAdmin
from limner.api.admin.service_handlers import ServiceAdmin
from limner.api.admin.spending_handlers import SpendingAdmin
from limner.api.admin.task_handlers import TaskAdmin
from limner.api.admin.webhook_handlers import WebhookAdmin
from limner.api.http.operation import Endpoint, Operation, OperationRow
from limner.api.service_container import OperatorServices

PREFIX = "/admin"


def operations(services: OperatorServices) -> list[Operation]:

    def row(method: str, path: str, endpoint: Endpoint, summary: str, described: Mapping[str, Any]) -> Operation:
        return Operation(method, PREFIX + path, endpoint, "operators", summary, described, "admin")

    return [*_service(services, row), *_accounts(services, row), *_tasks(services, row), *_webhooks(services, row)]


def _service(services: OperatorServices, row: OperationRow) -> list[Operation]:
    service, moderation = ServiceAdmin(services), ModerationAdmin(services)
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
        row("GET", "/refusals", moderation.log, "What was refused, and appeals", openapi.REFUSALS),
        row("POST", "/refusals/{refusal_id}/answer", moderation.answer, "Answer an appeal", openapi.ANSWER),
        row("POST", "/janitor", service.prune, "Remove expired data now", openapi.PRUNE),
        row("POST", "/doctor", service.examine, "Compare rows with rows and files", openapi.EXAMINE),
    ]


def _accounts(services: OperatorServices, row: OperationRow) -> list[Operation]:
    account, spending, moderation = AccountAdmin(services), SpendingAdmin(services), ModerationAdmin(services)
    one, key, template = "/accounts/{name}", "/keys/{key_id}", "/accounts/{name}/templates/{slug}"
    return [
        row("GET", "/accounts", account.list, "List accounts", openapi.ACCOUNTS),
        row("POST", "/accounts", account.create, "Create an account", openapi.CREATE_ACCOUNT),
        row("POST", f"{one}/limits", account.change, "Change an account's limits", openapi.CHANGE_ACCOUNT),
        row("POST", f"{one}/grants", account.grant, "Give an account credits", openapi.GRANT),
        row("GET", f"{one}/keys", account.keys, "List an account's keys", openapi.KEYS),
        row("POST", f"{one}/keys", account.create_key, "Create a key", openapi.CREATE_KEY),
        row("POST", f"{key}/limits", account.limit_key, "Change a key's limits", openapi.LIMIT_KEY),
        row("POST", f"{key}/revoke", account.revoke_key, "Revoke a key", openapi.REVOKE_KEY),
        row("GET", f"{one}/budget", spending.budget, "Read an account's budgets", openapi.BUDGET),
        row("POST", f"{one}/budget", spending.change_budget, "Change an account's budgets", openapi.CHANGE_BUDGET),
        row("GET", f"{one}/words", moderation.words, "Read an account's word list", openapi.WORDS),
        row("POST", f"{one}/words", moderation.set_words, "Replace an account's word list", openapi.SET_WORDS),
        row("GET", f"{one}/ledger", spending.ledger, "Read an account's balance and ledger", openapi.LEDGER),
        row("GET", "/ledger/proof", spending.prove, "Recompute all balances", openapi.PROOF),
        row("POST", f"{one}/erase", spending.erase, "Erase an account", openapi.ERASE_ACCOUNT),
        row("POST", f"{one}/studio-link", spending.studio_link, "Make a link to the Studio", openapi.STUDIO_LINK),
        row("GET", f"{one}/templates", spending.templates, "List an account's templates", openapi.TEMPLATES),
        row("GET", f"{template}/versions", spending.template_versions, "List versions", openapi.TEMPLATES),
        row("POST", f"{template}/share", spending.share_template, "Share a template", openapi.SHARE_TEMPLATE),
        row("POST", f"{template}/remove", spending.remove_template, "Remove a template", openapi.REMOVE_TEMPLATE),
    ]


def _tasks(services: OperatorServices, row: OperationRow) -> list[Operation]:
    task, one = TaskAdmin(services), "/tasks/{task_id}"
    return [
        row("GET", "/tasks", task.list, "List and search tasks of all accounts", openapi.TASKS),
        row("GET", one, task.show, "Read a task", openapi.TASK),
        row("GET", f"{one}/explain", task.explain, "Explain a task", openapi.TASK),
        row("GET", f"{one}/lineage", task.lineage, "What a task was made from, and into", openapi.TASK),
        row("POST", f"{one}/cancel", task.cancel, "Cancel a task", openapi.TASK),
        row("POST", f"{one}/keep", task.keep, "Keep a task's pictures", openapi.KEEP_TASK),
        row("POST", f"{one}/erase", task.erase, "Erase a task", openapi.ERASE_TASK),
    ]


def _webhooks(services: OperatorServices, row: OperationRow) -> list[Operation]:
    webhook, of_account, one = WebhookAdmin(services), "/accounts/{name}/webhooks", "/webhooks/{webhook_id}"
    return [
        row("GET", of_account, webhook.list, "List an account's webhooks", openapi.WEBHOOKS),
        row("POST", of_account, webhook.add, "Add a webhook to an account", openapi.ADD_WEBHOOK),
        row("POST", f"{one}/remove", webhook.remove, "Remove a webhook", openapi.WEBHOOK),
        row("POST", f"{one}/enable", webhook.enable, "Enable a webhook", openapi.WEBHOOK),
        row("POST", f"{one}/rotate", webhook.rotate, "Replace a webhook's secret", openapi.ROTATE_WEBHOOK),
        row("POST", f"{one}/test", webhook.test, "Send a test message", openapi.DELIVERY),
        row("GET", f"{one}/deliveries", webhook.deliveries, "List deliveries", openapi.DELIVERIES),
        row("POST", "/deliveries/{delivery_id}/replay", webhook.replay, "Send a delivery again", openapi.DELIVERY),
    ]
