"""Every page's commands from installed wheels, with no key and with each vendor's key alone: `make walk`.

No file of tests, as it takes too long for each change: it is named to pytest. Each key has a server of its own.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from docs.commands import ROOT, RUN, Place, emulated, follow, furnished, name_of, rows, with_any_key
from wheels import WheelEnvironment, wheel_environment

KEYS = ["none", "bfl", "fal", "gemini", "midjourney", "openai", "replicate"]
WALKED = [page for page in RUN if any("shows" in row and with_any_key(row) for _, row in rows(page))]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> WheelEnvironment:
    """One environment for all processes of the run: the first one makes it."""
    folder = tmp_path_factory.getbasetemp().parent / f"wheels-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = WheelEnvironment(folder / "environment")
        return made if Path(made.python).exists() else wheel_environment(folder)


@pytest.fixture(scope="module", params=[pytest.param(key, marks=pytest.mark.xdist_group(key)) for key in KEYS])
def place(
    request: pytest.FixtureRequest, installed: WheelEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """The server of one vendor's key; without one the built-in engine draws."""
    folder = tmp_path_factory.mktemp(request.param)
    keyless = request.param == "none"
    with ExitStack() as stack:
        vendors = None if keyless else stack.enter_context(emulated(request.param))
        engine = "builtin" if keyless else "sandbox"
        yield stack.enter_context(furnished(folder, vendors, installed.python, engine=engine))
        assert vendors is None or {each.vendor for each in vendors.purchases()} == {request.param}
        assert vendors is None or vendors.violations() == []


@pytest.mark.parametrize("page", WALKED, ids=name_of)
def test_the_commands_of_a_page_work_from_the_wheels(page: Path, place: Place, tmp_path: Path) -> None:
    """`limner` is a fork of the environment's Python, as to start a program takes longer than most commands."""
    follow(page, place, tmp_path / "reader")


@pytest.mark.xdist_group("none")
def test_readme_s_commands_work_with_the_installed_programs(installed: WheelEnvironment, tmp_path: Path) -> None:
    with furnished(tmp_path, python=installed.python, engine="builtin") as place:
        follow(ROOT / "README.md", replace(place, programs=place.installed), tmp_path / "reader")
