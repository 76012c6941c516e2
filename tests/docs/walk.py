"""Every page's commands from installed wheels, with no key and with each vendor's key alone: `make walk`.

No file of tests, as it takes too long for each change: it is named to pytest. Each key has a server of its own.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from docs.commands import RUN, Place, emulated, follow, furnished, name_of, rows, with_any_key
from wheels import WheelEnvironment, wheel_environment

KEYS = ["none", "bfl", "fal", "gemini", "midjourney", "openai", "replicate"]
WALKED = [page for page in RUN if any("shows" in row and with_any_key(row) for _, row in rows(page))]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> WheelEnvironment:
    return wheel_environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module", params=[pytest.param(key, marks=pytest.mark.xdist_group(key)) for key in KEYS])
def place(
    request: pytest.FixtureRequest, installed: WheelEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """The server of one vendor's key; without one the built-in engine draws."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        vendors = None if request.param == "none" else stack.enter_context(emulated(request.param))
        engine = "builtin" if vendors is None else "sandbox"
        yield stack.enter_context(furnished(folder, vendors, installed.python, engine=engine))
        assert vendors is None or {each.vendor for each in vendors.purchases()} == {request.param}
        assert vendors is None or vendors.violations() == []


@pytest.mark.parametrize("page", WALKED, ids=name_of)
def test_the_commands_of_a_page_work_from_the_wheels(page: Path, place: Place, tmp_path: Path) -> None:
    follow(page, place, tmp_path / "reader")
