"""The examples of the client for Python, run as programs at a server."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import limner_client
from contract.client import PHOTO
from limner_client.errors import CLASSES, LimnerError
from serving import Served, serving

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs/python-client.md", ROOT / "packages/limner-client/README.md")


def example(page: Path) -> str:
    return re.findall(r"```python\n(from limner_client import LimnerClient\n.*?)```", page.read_text(), re.DOTALL)[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("docs") / "data") as running:
        yield running


def run(program: str, served: Served, folder: Path) -> str:
    code = program.replace("http://127.0.0.1:8000", served.url).replace("tsk_…", served.key or "")
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_three_lines_make_a_picture(page: Path, served: Served, tmp_path: Path) -> None:
    program = example(page)
    run(program, served, tmp_path)

    assert len([line for line in program.splitlines() if line]) == 3
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]


def test_the_longer_example_saves_both_pictures(served: Served, tmp_path: Path) -> None:
    (tmp_path / "me.png").write_bytes(PHOTO)
    first, longer = re.findall(r"```python\n(.*?)```", PAGES[1].read_text(), re.DOTALL)[:2]
    program = first.rpartition("limner.save")[0] + longer.replace('"https://example.com/style.png"', 'Path("me.png")')

    assert "success" in run(program, served, tmp_path)
    assert {"figure-0.png", "figure-1.png"} <= {path.name for path in tmp_path.iterdir()}


def test_the_program_with_every_call_runs(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "me.jpg").write_bytes(PHOTO)
    monkeypatch.setenv("LIMNER_CLIENT_URL", served.url)
    monkeypatch.setenv("LIMNER_CLIENT_KEY", served.key or "")
    told = run(f"{(ROOT / 'docs/examples/every_call.py').read_text()}", served, tmp_path)

    assert told.endswith("['picture-0.png', 'picture-1.png'] 1\n")


def test_the_page_names_every_error_with_its_codes() -> None:
    text = PAGES[1].read_text()
    errors = [each for name in limner_client.__all__ if isinstance(each := getattr(limner_client, name), type)]

    assert all(f"`{each.__name__}`" in text for each in errors if issubclass(each, LimnerError))
    assert all(str(code) in text for code in CLASSES)
