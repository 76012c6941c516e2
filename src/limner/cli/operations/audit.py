"""`limner audit`: what operators did."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from limner.cli.terminal import Data, Json, print_json, table, when, with_limner
from limner.db.records import Records
from limner.db.tables.operations.audit_log import AuditEntry


def _since(text: str) -> str:
    _since_ms(text)
    return text


def _since_ms(text: str) -> int:
    """A day, a time, or so many days or hours ago, in milliseconds since 1970."""
    try:
        if text[-1:] in {"d", "h"}:
            ago = timedelta(days=int(text[:-1])) if text.endswith("d") else timedelta(hours=int(text[:-1]))
            return int((datetime.now(UTC) - ago).timestamp() * 1000)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no date, as 2026-11-30, and no time ago, as 7d or 12h") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def audit(
    since: Annotated[
        str | None,
        typer.Option("--since", parser=_since, metavar="WHEN", help="A date (UTC), or how long ago: 7d, 12h."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many of the last acts.")] = 1000,
    data: Data = None,
    json: Json = False,
) -> None:
    """Show what operators did: accounts, keys, limits, grants, erasures, webhooks. The oldest comes first."""
    since_ms = _since_ms(since) if since else 0

    def work(records: Records) -> tuple[list[AuditEntry], dict[str, str]]:
        return list(records.audit_log.since(since_ms, limit)), {each.id: each.name for each in records.accounts.all()}

    acts, names = with_limner(data, lambda limner: limner.store.read(work), json=json)
    if json:
        print_json([asdict(each) for each in acts])
        return
    shown = [
        (
            when(each.at_ms),
            each.act,
            names.get(each.subject, each.subject),
            _details_text(each.details, names),
            each.actor,
        )
        for each in acts
    ]
    table("WHEN", "ACT", "OF", "DETAILS", "BY", rows=shown, empty="Nothing was done in this time.")


def _details_text(details: Mapping[str, Any], names: Mapping[str, str]) -> str:
    shown = ((name, _plain(name, value, names)) for name, value in details.items() if value is not None)
    return ", ".join(f"{name.removesuffix('_ms')} {value}" for name, value in shown)


def _plain(name: str, value: Any, names: Mapping[str, str]) -> str:
    if isinstance(value, Mapping):
        return f"({_details_text(value, names)})"
    if name.endswith("_ms"):
        return when(value)
    return " ".join(value) if isinstance(value, list) else names.get(value, str(value))
