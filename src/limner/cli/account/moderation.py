"""`limner moderation`: word lists, what was refused, and appeals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.terminal import LOCAL, Account, Data, Json, fail, out, print_json, table, when, with_limner

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.db.tables.moderation.refusals import LoggedRefusal

app = typer.Typer(help="Words that are not allowed, what was refused, and appeals.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(help="Name of an account; `*` is the list for all of them.")]
RefusalId = Annotated[str, typer.Argument(help="The refusal's id, as `limner moderation log` shows it.")]


@app.command("words")
def words(account: Named, data: Data = None, json: Json = False) -> None:
    """Print the words that texts of an account may not hold, one a line."""
    found = with_limner(data, lambda limner: limner.moderation.words(account), json=json)
    if json:
        print_json({"account": account, "words": found})
        return
    for word in found:
        typer.echo(word)


@app.command("set-words")
def set_words(
    account: Named,
    word: Annotated[list[str] | None, typer.Argument(help="The whole list. `word*` is the beginning of words.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A file with an entry in each line.", exists=True, dir_okay=False)
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Replace the words that texts of an account may not hold. Without words the list is removed."""
    try:
        listed = file.read_text("utf-8").splitlines() if file else []
    except UnicodeDecodeError:
        fail(f"{file} is no text in UTF-8", json=json, code=2)
    kept = with_limner(data, lambda limner: limner.moderation.set_words(account, [*listed, *(word or [])]), json=json)
    if json:
        print_json({"account": account, "words": kept})
        return
    out.print(f"{account} has {len(kept)} words.")


@app.command("log")
def log(
    appeals: Annotated[bool, typer.Option("--appeals", help="Only those whose appeal waits for an answer.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """What was refused, by whom and why, the newest first."""
    from limner.application.moderation.appeals import facts_for_operators

    found = with_limner(data, lambda limner: limner.moderation.log(open_appeals=appeals), json=json)
    if json:
        print_json([facts_for_operators(each) for each in found])
        return
    rows = [(each.id, when(each.at_ms), each.stage, each.reason, _appeal(each)) for each in found]
    empty = "No appeal waits for an answer." if appeals else "Nothing was refused."
    table("refusal", "at", "by", "reason", "appeal", rows=rows, empty=empty)


@app.command("appeal")
def appeal(
    refusal: RefusalId,
    text: Annotated[str, typer.Argument(help="Why it is wrong.")],
    account: Account = LOCAL,
    data: Data = None,
    json: Json = False,
) -> None:
    """Appeal a refusal of an account, once."""
    from limner.application.accounts.manage import named

    async def work(limner: "Limner") -> "LoggedRefusal":
        owner = await limner.store.read(lambda records: named(records, account).id)
        return await limner.moderation.appeal(owner, refusal, text)

    _print(with_limner(data, work, json=json), json=json)


@app.command("answer")
def answer(
    refusal: RefusalId,
    decision: Annotated[str, typer.Argument(help="upheld or overturned.")],
    text: Annotated[str, typer.Argument(help="What the caller is told.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Answer an appeal, once. It changes no rule by itself."""
    _print(with_limner(data, lambda limner: limner.moderation.answer(refusal, decision, text), json=json), json=json)


def _print(refusal: "LoggedRefusal", *, json: bool) -> None:
    from limner.application.moderation.appeals import facts

    if json:
        print_json(facts(refusal))
        return
    out.print(f"{refusal.id}  {_appeal(refusal)}", soft_wrap=True)


def _appeal(refusal: "LoggedRefusal") -> str:
    if refusal.decision:
        return f"{refusal.decision}: {refusal.answer}"
    return f"waits: {refusal.appeal}" if refusal.appealed_ms else "none"
