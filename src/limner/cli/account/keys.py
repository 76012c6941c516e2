"""`limner keys`: API keys of accounts."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.application.accounts.manage import SCOPES
from limner.cli.account.limit_options import (
    NONE,
    FallbackTo,
    MaxVendorUsd,
    PerDay,
    PerMonth,
    numbers,
    rules,
    rules_text,
    whole,
)
from limner.cli.terminal import LOCAL, Account, Data, Json, err, fail, out, print_json, table, when, with_limner
from limner.db.records import Records
from limner.db.tables.keys import Key
from limner.domain.accounts.key_limits import KeyLimits, KeyUsage, day_of
from limner.domain.ids import KeyId
from limner.domain.spending_rules import SpendingRules

if TYPE_CHECKING:
    from limner.application.accounts.manage import CreatedKey
    from limner.bootstrap import Limner

app = typer.Typer(help="API keys of accounts.", no_args_is_help=True)


def _time(text: str) -> str:
    """A time as it is typed, checked: a day, or so many days from now, or none."""
    if text != NONE:
        _expiry_ms(text)
    return text


def _expiry_ms(text: str) -> int | None:
    if text == NONE:
        return None
    try:
        if text.endswith("d"):
            return _ms(datetime.now(UTC) + timedelta(days=int(text[:-1])))
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no date, as 2027-01-31, and no number of days, as 30d") from None
    return _ms(at if at.tzinfo else at.replace(tzinfo=UTC))


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


PerSecond = Annotated[str | None, typer.Option("--per-second", parser=whole, metavar="N", help="Requests a second.")]
Tasks = Annotated[str | None, typer.Option("--tasks", parser=whole, metavar="N", help="Tasks queued or running.")]
Total = Annotated[str | None, typer.Option("--credits", parser=whole, metavar="N", help="Credits in all.")]
Expires = Annotated[
    str | None,
    typer.Option("--expires", parser=_time, metavar="DATE", help="When it ends: 2027-01-31 (UTC), or 30d from now."),
]


@app.command("create")
def create(
    account: Account = LOCAL,
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "key",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help=f"One of {', '.join(SCOPES)}; may be repeated.")
    ] = None,
    per_second: PerSecond = None,
    tasks: Tasks = None,
    credits_per_day: PerDay = None,
    credits_per_month: PerMonth = None,
    total: Total = None,
    expires: Expires = None,
    max_vendor_usd: MaxVendorUsd = None,
    fallback: FallbackTo = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Create a key. It is shown once and never again. Its limits are on top of the account's."""
    scopes = tuple(scope or ("generate", "read"))
    limits = KeyLimits(**_chosen(per_second, tasks, credits_per_day, credits_per_month, total))
    own = SpendingRules(**rules(max_vendor_usd, fallback))
    expires_ms = None if expires is None else _expiry_ms(expires)

    async def work(limner: "Limner") -> "CreatedKey":
        from limner.cli.serving.serve import FIRST_CREDITS

        if account == LOCAL:  # a server that has just been started, as in a container, may not have made it yet
            await limner.accounts.ensure_first(LOCAL, FIRST_CREDITS)
        return await limner.accounts.create_key(account, name, scopes, limits, expires_ms, rules=own)

    made = with_limner(data, work, json=json)
    if json:
        created = {"key": made.secret, "account": account, "id": made.key.id, "scopes": scopes}
        print_json(created | _limits_of(made.key))
    else:
        out.print(made.secret, soft_wrap=True)
        err.print("Keep it: it is not shown again.")


@app.command("list")
def list_keys(account: Account = LOCAL, data: Data = None, json: Json = False) -> None:
    """List an account's keys, without their secrets."""
    from limner.application.accounts.manage import named

    today = day_of(_ms(datetime.now(UTC)))

    def work(records: Records) -> list[tuple[Key, KeyUsage]]:
        keys = records.keys.of(named(records, account).id)
        return [(key, records.keys.usage(key.id, today)) for key in keys]

    found = with_limner(data, lambda limner: limner.store.read(work), json=json)
    if json:
        print_json([asdict(key) | {"spending": spending} for key, spending in found])
        return
    shown = [
        (
            key.id,
            f"{key.hint}…",
            key.name,
            ", ".join(key.scopes),
            _limits_text(key),
            spending.credits,
            _day(key.used_ms),
            _end_text(key),
        )
        for key, spending in found
    ]
    table(
        "ID",
        "KEY",
        "NAME",
        "SCOPES",
        "LIMITS",
        "SPENT",
        "USED",
        "ENDS",
        rows=shown,
        empty="No keys yet: limner keys create",
    )


@app.command("limit")
def limit(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `limner keys list` shows it.")],
    per_second: PerSecond = None,
    tasks: Tasks = None,
    credits_per_day: PerDay = None,
    credits_per_month: PerMonth = None,
    total: Total = None,
    expires: Expires = None,
    max_vendor_usd: MaxVendorUsd = None,
    fallback: FallbackTo = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Change a key's limits. Limits not named stay, `none` removes one; a running server follows within seconds."""
    changes: dict[str, Any] = _chosen(per_second, tasks, credits_per_day, credits_per_month, total)
    changes |= rules(max_vendor_usd, fallback) | ({} if expires is None else {"expires_ms": _expiry_ms(expires)})
    key = with_limner(data, lambda limner: limner.accounts.limit_key(KeyId(key_id), changes), json=json)
    if json:
        print_json({"id": key.id, **_limits_of(key)})
    else:
        ends = f" It ends on {_day(key.expires_ms)}." if key.expires_ms else ""
        out.print(f"{key.hint}… ({key.name}) has these limits: {_limits_text(key) or 'none of its own'}.{ends}")


@app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `limner keys list` shows it.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Revoke a key; a running server refuses it within two seconds."""
    revoked = with_limner(data, lambda limner: limner.accounts.revoke_key(KeyId(key_id)), json=json)
    if json and revoked:
        print_json({"id": key_id, "revoked": True})
    elif revoked:
        out.print("Revoked.")
    if not revoked:
        fail("there is no active key with this id", "`limner keys list` shows the ids.", json=json)


def _chosen(
    per_second: str | None, tasks: str | None, per_day: str | None, per_month: str | None, total: str | None
) -> dict[str, int | None]:
    """The limits given on the command line, by the names of `KeyLimits`."""
    chosen = numbers(
        per_second=per_second, tasks=tasks, credits_per_day=per_day, credits_per_month=per_month, credits=total
    )
    if chosen.get("per_second") == 0:
        raise typer.BadParameter("0 requests a second would refuse every request: use `limner keys revoke`")
    return chosen


def _limits_of(key: Key) -> dict[str, Any]:
    return {"limits": key.allowance, "rules": key.rules, "expires_ms": key.expires_ms}


def _limits_text(key: Key) -> str:
    has = key.allowance
    limits = (
        (has.per_second, "requests/s"),
        (has.tasks, "tasks"),
        (has.credits_per_day, "credits/day"),
        (has.credits_per_month, "credits/month"),
        (has.credits, "credits"),
    )
    shown = [f"{amount} {what}" for amount, what in limits if amount is not None]
    return ", ".join(shown + rules_text(key.rules))


def _end_text(key: Key) -> str:
    return f"revoked {_day(key.revoked_ms)}" if key.revoked_ms is not None else _day(key.expires_ms)


def _day(ms: int | None) -> str:
    return when(ms)[:10]
