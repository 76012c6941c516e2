"""Commands in README.md and docs/ run as they are given; tests/docs/commands.toml says which, and why others do not."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.commands import (
    MAKE_PICTURES,
    PAGES,
    ROOT,
    ROWS,
    RUN,
    Place,
    bash,
    blocks,
    emulated,
    follow,
    furnished,
    name_of,
    working_folder,
)
from serving import OURS
from wheels import WheelEnvironment, wheel_environment

GENERATED = {"docs/cli.md"}
WITH_OWN_SERVERS = {"docs/clients.md", "docs/vendors.md"}
"""Pages whose commands start servers of their own."""

BY_VENDOR = [page for page in MAKE_PICTURES if name_of(page) not in WITH_OWN_SERVERS]


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
    with furnished(tmp_path_factory.mktemp("commands"), {}) as place:
        yield place


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_commands_of_a_page_do_what_it_says(page: Path, place: Place, tmp_path: Path) -> None:
    follow(page, place, tmp_path / "reader", lambda _: True)


@pytest.mark.long
@pytest.mark.parametrize("vendor", ["bfl", "fal", "gemini", "openai", "replicate"])
def test_commands_that_make_pictures_work_with_the_key_of_one_vendor(vendor: str, tmp_path: Path) -> None:
    with emulated(vendor) as emulators, furnished(tmp_path, emulators.environment()) as place:
        for page in BY_VENDOR:
            follow(page, place, tmp_path / page.stem)

        assert len(emulators.purchases()) >= len(BY_VENDOR)
        assert {each.vendor for each in emulators.purchases()} == {vendor}
        assert emulators.violations() == []


def test_with_midjourney_s_key_alone_words_work_and_a_picture_is_refused_with_the_reason(tmp_path: Path) -> None:
    working_folder(tmp_path)
    script = "limner generate cats -o cats.png\n! limner generate -t print_clay -f me.jpg -o clay.png\n"
    variables = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    variables |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path / "home")}

    with emulated("midjourney") as emulators:
        output = bash(script, tmp_path, variables | emulators.environment())

    assert "Saved cats.png" in output
    assert "Leave the images out: no model that is served here takes them." in output


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> WheelEnvironment:
    return wheel_environment(tmp_path_factory.mktemp("environment"))


@pytest.mark.long
def test_the_readme_s_commands_work_from_the_wheels(installed: WheelEnvironment, tmp_path: Path) -> None:
    with furnished(tmp_path, {"VIRTUAL_ENV": str(installed.folder)}, installed.python) as place:
        follow(ROOT / "README.md", place, tmp_path / "reader")
