"""What every command shares: options, output, tables and errors."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import orjson
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from limner.domain.refusal import Code, Refusal

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.settings import Settings

T = TypeVar("T")

Data = Annotated[Path | None, typer.Option("--data", help="Data folder. Default: LIMNER_DATA, or the user's.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Account = Annotated[str, typer.Option("--account", help="Name of the account.")]

LOCAL = "local"
"""The account that the first start creates."""

out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)


def settings_for(data: Path | None, *, json: bool = False, **chosen: Any) -> "Settings":
    """The settings with the command line's choices. Prints what is wrong with them and exits with 2."""
    from limner.settings import SettingsInvalid, load_settings

    try:
        return load_settings(data=data, **chosen)
    except SettingsInvalid as invalid:
        if json:
            problems = [{"reason": each.text, "suggestion": each.remedy} for each in invalid.problems]
            print_json({"error": problems[0] | ({"problems": problems} if len(problems) > 1 else {})})
            raise typer.Exit(2) from None
        for problem in invalid.problems:
            err.print(f"[red]{escape(problem.text)}[/]", soft_wrap=True)
            if problem.remedy:
                err.print(escape(problem.remedy), soft_wrap=True)
        raise typer.Exit(2) from None


def with_limner(data: Path | None, work: "Callable[[Limner], Awaitable[T]]", *, json: bool) -> T:
    """Run `work` on the opened service. A refusal is printed with its suggestion, and the command exits with 1."""
    from limner.bootstrap import opened
    from limner.telemetry.logs import configure_logs

    settings = settings_for(data, json=json)
    # A command's own sentences are for people, wherever standard error goes; with them stand lines for people.
    for_people = settings.log_format == "auto" and not json
    configure_logs("console" if for_people else settings.log_format, "warning", settings.secrets)

    async def run() -> T:
        async with AsyncExitStack() as stack:
            with startup_errors(json=json):
                limner = await stack.enter_async_context(opened(settings))
            return await work(limner)

    return run_command(lambda: asyncio.run(run()), json=json)


@contextmanager
def startup_errors(*, json: bool) -> Iterator[None]:
    """Print any error of preparing the service as a sentence, and exit with 1."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a folder, a database, an engine: for the operator to correct
        remedy = "Correct the setting or the folder it names; `limner doctor` checks the installation."
        fail(str(error), remedy, json=json)


def run_command(call: Callable[[], T], *, json: bool) -> T:
    try:
        return call()
    except Refusal as refusal:
        refuse(refusal, json=json)
    except KeyboardInterrupt:
        err.print("Stopped.")
        raise typer.Exit(130) from None
    except Exception as error:
        if (unusable := _unusable(error)) is None:
            raise
        fail(f"the {unusable} cannot be used: {error}", "Try again; `limner doctor` checks both stores.", json=json)


def _unusable(error: Exception) -> str | None:
    """Which of the stores an error is about; None for any other error."""
    from limner.db.store import StoreUnavailable  # here: it takes long to import, and errors are few
    from limner.ports.blobs import StorageRefuses

    stores = {StoreUnavailable: "database", StorageRefuses: "store of pictures"}
    return next((name for kind, name in stores.items() if isinstance(error, kind)), None)


def refuse(refusal: Refusal, *, json: bool) -> NoReturn:
    if json:
        body = {"code": int(refusal.code), "reason": refusal.reason, "suggestion": refusal.suggestion}
        print_json({"error": body | ({"field": refusal.field} if refusal.field else {})})
    else:
        where = f"{refusal.field}: " if refusal.field and refusal.field not in refusal.reason else ""
        err.print(f"[red]{escape(where + refusal.reason)}[/]", soft_wrap=True)
        err.print(escape(refusal.suggestion), soft_wrap=True)
    raise typer.Exit(1)


def fail(reason: str, suggestion: str = "", *, json: bool, code: int = 1) -> NoReturn:
    """Print what is wrong and what to do, as JSON for programs, and exit with `code`."""
    if json:
        print_json({"error": {"reason": reason, "suggestion": suggestion}})
    else:
        err.print(f"[red]{escape(reason)}[/]", soft_wrap=True)
        if suggestion:
            err.print(escape(suggestion), soft_wrap=True)
    raise typer.Exit(code)


def confirm(question: str, *, yes: bool, json: bool) -> None:
    """Ask before something that cannot be undone; programs have to pass `--yes`."""
    if yes:
        return
    if json or not sys.stdin.isatty():
        refuse(
            Refusal(Code.INVALID, "there is no terminal to ask on", suggestion="Add --yes if you are sure."), json=json
        )
    typer.confirm(question, abort=True)


def print_json(value: Any) -> None:
    sys.stdout.write(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode() + "\n")
    sys.stdout.flush()  # the parent process may wait for this line


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def table(*columns: str, rows: list[tuple[Any, ...]], empty: str) -> None:
    """Rows under a heading; `empty` is printed when there are none.

    Words and figures are never cut: rows that do not fit the terminal are printed as blocks of lines. In a pipe, each
    row is one line of any length.
    """
    if not rows:
        out.print(empty)
        return
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not out.is_terminal:
        _print_lines([list(columns), *cells])
    elif sum(_min_widths([list(columns), *cells])) + 2 * (len(columns) - 1) <= out.width:
        _print_table(columns, cells)
    else:
        _print_blocks(columns, cells)


def _min_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column's longest word; the first column, which holds ids and names, is not wrapped at all."""
    return [
        max(cell_len(word) for cell in column for word in ([cell] if number == 0 else cell.split(" ")))
        for number, column in enumerate(zip(*rows, strict=True))
    ]


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for number, (column, width) in enumerate(zip(columns, _min_widths([columns, *rows]), strict=True)):
        shown.add_column(column, no_wrap=number == 0, min_width=width)
    for row in rows:
        shown.add_row(*(escape(cell) for cell in row))
    out.print(shown)


def _print_lines(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _print_blocks(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    width = max(map(len, columns))
    indent = "\n" + " " * (width + 2)
    for row in rows:
        for number, (column, cell) in enumerate(zip(columns, row, strict=True)):
            if cell:
                name = f"[bold]{column:{width}}[/]" if number == 0 else f"{column:{width}}"
                lines = wrap(cell, max(20, out.width - width - 2), break_long_words=False, break_on_hyphens=False)
                out.print(f"{name}  {escape(indent.join(lines))}", soft_wrap=True)
        out.print()


def when(ms: int | None) -> str:
    """A time for people, in their own zone."""
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
