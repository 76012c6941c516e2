"""What the calls of `/admin` share: reading bodies and queries, answering, and who acts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from limner.api.http.authentication import caller
from limner.api.http.bodies.json_body import parse, read_object, validated
from limner.api.http.bodies.success import success as success_body
from limner.api.service_container import OperatorServices
from limner.application.accounts.manage import ManageAccounts, named
from limner.db.records import Records
from limner.domain.ids import AccountId

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)

NO_STORE = {"Cache-Control": "no-store"}


def success(data: Any) -> Response:
    return success_body(data, NO_STORE)


async def body(request: Request, model: type[B]) -> B:
    """The request's body; an empty one has every default. Raises `Refusal`."""

    def read(sent: bytes) -> B:
        return validated(model, read_object(sent) if sent.strip() else {})

    parsed, _ = await parse(request, read)
    return parsed


def query(request: Request, model: type[B]) -> B:
    return validated(model, dict(request.query_params))


def actor(request: Request) -> str:
    """Who acts, for the audit log."""
    return f"key {caller(request).id}"


def accounts(services: OperatorServices, request: Request) -> ManageAccounts:
    return replace(services.accounts, actor=actor(request))


async def account_id(services: OperatorServices, name: str) -> AccountId:
    """The id of the account with this name. Raises `Refusal`."""
    return await services.store.read(lambda records: named(records, name).id)


async def note(services: OperatorServices, request: Request, act: str, subject: str, details: dict[str, Any]) -> None:
    """Write an act to the audit log that has no unit of work of its own."""
    now_ms = services.clock.now_ms()

    def work(records: Records) -> None:
        records.audit_log.add(actor(request), act, subject, details, now_ms)

    await services.store.run(work)


def page(rows: list[Any], limit: int, cursor: Callable[[Any], str]) -> dict[str, Any]:
    """Rows of a page, of which one more than `limit` was read, and where the next one begins."""
    shown = rows[:limit]
    return {"rows": shown, "next": cursor(shown[-1]) if len(rows) > limit else None}
