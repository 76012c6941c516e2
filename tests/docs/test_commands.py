"""Commands in README.md and docs/ run as they are given; tests/docs/commands.toml says which, and why others do not.

The same pages with every vendor's key, from the wheels, are `make walk`: tests/docs/walk.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.commands import PAGES, ROOT, ROWS, RUN, Place, blocks, emulated, follow, furnished, in_every_run, name_of

GENERATED = {"docs/cli.md"}
README = ROOT / "README.md"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_runs_or_says_why_not(page: Path) -> None:
    found = [] if name_of(page) in GENERATED else blocks(page)
    starts = ROWS.get(name_of(page), {})

    assert [block for block in found if not block.startswith(tuple(starts))] == []
    assert [start for start in starts if not any(block.startswith(start) for block in found)] == []


def test_a_row_has_texts_to_look_for_or_a_reason() -> None:
    assert all(("shows" in row) != ("not_run" in row) for page in ROWS.values() for row in page.values())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with furnished(tmp_path_factory.mktemp("commands")) as place:
        yield place


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_commands_of_a_page_do_what_it_says(page: Path, place: Place, tmp_path: Path) -> None:
    follow(page, place, tmp_path / "reader", in_every_run)


@pytest.mark.long
def test_readme_s_commands_work_with_a_vendor_s_key_alone(tmp_path: Path) -> None:
    """The key is OpenAI's, which most newcomers have; `make walk` takes each vendor's, on every page."""
    with emulated("openai") as emulators, furnished(tmp_path, emulators) as place:
        follow(README, place, tmp_path / "reader")

        assert len(emulators.purchases()) >= 3
        assert {each.vendor for each in emulators.purchases()} == {"openai"}
        assert emulators.violations() == []
