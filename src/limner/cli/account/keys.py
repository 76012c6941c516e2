"""`limner keys`: API keys of accounts."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from limner.application.accounts.manage import SCOPES
from limner.cli.terminal import LOCAL, Account, Data, Json, err, fail, out, print_json, table, when, with_limner
from limner.db.records import Records
from limner.db.tables.keys import Key
from limner.domain.accounts.key_limits import KeyLimits, KeyUsage, day_of
from limner.domain.ids import KeyId

app = typer.Typer(help="API keys of accounts.", no_args_is_help=True)

NONE = "none"


def _limit(text: str) -> str:
    """A limit as it is typed, checked: a whole number, or none."""
    if text != NONE and not (text.isascii() and text.isdigit() and len(text) < 15):
        raise typer.BadParameter(f"{text!r} is no whole number and not {NONE!r}")
    return text


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


PerSecond = Annotated[str | None, typer.Option("--per-second", parser=_limit, metavar="N", help="Requests a second.")]
Tasks = Annotated[str | None, typer.Option("--tasks", parser=_limit, metavar="N", help="Tasks queued or running.")]
PerDay = Annotated[
    str | None, typer.Option("--credits-per-day", parser=_limit, metavar="N", help="Credits in a day of UTC.")
]
Total = Annotated[str | None, typer.Option("--credits", parser=_limit, metavar="N", help="Credits in all.")]
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
    total: Total = None,
    expires: Expires = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Create a key. It is shown once and never again. Its limits are on top of the account's."""
    scopes = tuple(scope or ("generate", "read"))
    limits = _chosen(per_second, tasks, credits_per_day, total, expires)
    expires_ms = limits.pop("expires_ms", None)
    made = with_limner(
        data,
        lambda limner: limner.accounts.create_key(account, name, scopes, KeyLimits(**limits), expires_ms),
        json=json,
    )
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
    total: Total = None,
    expires: Expires = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Change a key's limits. Limits not named stay, `none` removes one; a running server follows within seconds."""
    changes = _chosen(per_second, tasks, credits_per_day, total, expires)
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
    per_second: str | None, tasks: str | None, credits_per_day: str | None, total: str | None, expires: str | None
) -> dict[str, int | None]:
    """The limits given on the command line, by the names of `ManageAccounts.limit_key`."""
    limits = {"per_second": per_second, "tasks": tasks, "credits_per_day": credits_per_day, "credits": total}
    chosen = {name: None if text == NONE else int(text) for name, text in limits.items() if text is not None}
    if chosen.get("per_second") == 0:
        raise typer.BadParameter("0 requests a second would refuse every request: use `limner keys revoke`")
    return chosen | ({"expires_ms": _expiry_ms(expires)} if expires is not None else {})


def _limits_of(key: Key) -> dict[str, Any]:
    return {"limits": key.allowance, "expires_ms": key.expires_ms}


def _limits_text(key: Key) -> str:
    has = key.allowance
    limits = (
        (has.per_second, "requests/s"),
        (has.tasks, "tasks"),
        (has.credits_per_day, "credits/day"),
        (has.credits, "credits"),
    )
    return ", ".join(f"{amount} {what}" for amount, what in limits if amount is not None)


def _end_text(key: Key) -> str:
    return f"revoked {_day(key.revoked_ms)}" if key.revoked_ms is not None else _day(key.expires_ms)


def _day(ms: int | None) -> str:
    return when(ms)[:10]
