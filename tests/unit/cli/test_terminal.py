import io

import pytest
from rich.console import Console

from limner.cli import terminal

COLUMNS = ("ROUTE", "PICTURES", "PAID", "REASON")
ROWS: list[tuple[object, ...]] = [
    ("replicate/black-forest-labs/flux-kontext-pro", 12, "$1234.5678+", "the vendor answered 503 after 12 seconds"),
    ("bfl/flux-kontext-pro", 7, "$0.4000", None),
]


def printed(monkeypatch: pytest.MonkeyPatch, width: int, rows: list[tuple[object, ...]], *columns: str) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, emoji=False)
    monkeypatch.setattr(terminal, "out", console)
    terminal.table(*columns, rows=rows, empty="nothing")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_width_cuts_a_word_or_money(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = printed(monkeypatch, width, ROWS, *COLUMNS)

    words = {word for row in ROWS for cell in row if cell is not None for word in str(cell).split()}
    assert words <= set(" ".join(lines).split())


def test_a_table_that_fits_eighty_columns_stays_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 80, [(row[0], row[1], row[2]) for row in ROWS], *COLUMNS[:3])

    assert lines[0].split() == list(COLUMNS[:3])
    assert len(lines) == 3
    assert all(len(line) <= 80 for line in lines)


def test_rows_that_do_not_fit_are_printed_as_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, 50, ROWS, *COLUMNS)

    assert [line.split(maxsplit=1) for line in lines[:3]] == [
        ["ROUTE", "replicate/black-forest-labs/flux-kontext-pro"],
        ["PICTURES", "12"],
        ["PAID", "$1234.5678+"],
    ]


def test_in_a_pipe_each_row_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(terminal, "out", Console(width=80, emoji=False))

    terminal.table(*COLUMNS, rows=[*ROWS, ("a", "b", "c", "long " * 100)], empty="nothing")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[1].split("  ")[-1] == "the vendor answered 503 after 12 seconds"


@pytest.mark.parametrize("text", [":smile:", "[bold]not-markup[/]", "[red]"])
def test_text_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for width in (30, 80):
        assert text in " ".join(printed(monkeypatch, width, [("id", text)], "ID", "PROMPT"))


def test_a_long_value_of_a_block_goes_on_below_itself_and_no_word_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"model_{n}_preview" for n in range(12)]

    shown = printed(monkeypatch, 80, [("bfl" * 30, ", ".join(names))], "PROVIDER", "MODELS")

    lines = [line for line in shown if "model_" in line]
    assert len(lines) > 1
    assert all(len(line) <= 80 for line in lines)
    assert [word.strip(",") for line in lines for word in line.split() if "model_" in word] == names
