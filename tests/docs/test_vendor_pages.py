"""A vendor's page says what happens: its commands run at the vendor's emulator, with the variable that it names."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.commands import blocks, emulated
from forked import run_forked
from limner.providers.declarations import declarations
from limner_vendors import Vendors
from serving import OURS

ROOT = Path(__file__).parents[2]
PAGES = {path.stem.removeprefix("vendor-"): path for path in sorted((ROOT / "docs").glob("vendor-*.md"))}


@pytest.fixture(scope="module", params=PAGES)
def vendor(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def emulator(vendor: str) -> Iterator[Vendors]:
    with emulated(vendor) as vendors:
        yield vendors


def test_there_is_a_page_of_every_vendor_that_takes_a_key() -> None:
    own = {"ray"}  # has its part of docs/own-gpus.md

    assert PAGES.keys() == {each.name for each in declarations().values() if each.key} - own


def test_its_page_names_the_variable_that_serves_it(vendor: str) -> None:
    (given,) = (block for block in blocks(PAGES[vendor]) if block.startswith("export"))

    assert f"export {declarations()[vendor].required.environment_variable}=" in given


def test_its_commands_check_the_key_and_buy_one_picture_there(vendor: str, emulator: Vendors, tmp_path: Path) -> None:
    (commands,) = (block for block in blocks(PAGES[vendor]) if block.startswith("limner providers check"))
    (says,) = re.findall(r"^```text\n(.*)\n```$", PAGES[vendor].read_text(), re.MULTILINE)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    environment = kept | emulator.environment() | {"LIMNER_DATA": str(tmp_path / "data"), "COLUMNS": "300"}
    checked, made = (run_forked(shlex.split(line)[1:], environment, tmp_path) for line in commands.splitlines() if line)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert says in checked.stdout
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / "fox.png").stat().st_size > 1000
    assert [purchase.vendor for purchase in emulator.purchases()] == [vendor] * len(emulator.purchases())
    assert emulator.purchases()
