"""Scratch folders go with their process, or with the next one's start."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from limner.bootstrap import build, prepare_data
from limner.settings import Settings
from limner.storage.scratch import open_scratch, sweep

HOLDS = """
import signal, sys
from pathlib import Path
from limner.storage.scratch import open_scratch
scratch = open_scratch(Path(sys.argv[1]))
(scratch.folder / "half a picture").write_bytes(b"...")
print(scratch.folder, flush=True)
signal.pause()
"""


@pytest.fixture
def another(tmp_path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)


def its_folder(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout
    return Path(process.stdout.readline().strip())


def dies(process: "subprocess.Popen[str]") -> None:
    with process:
        process.send_signal(signal.SIGKILL)


def test_what_a_live_process_has_is_left_alone(tmp_path: Path, another: "subprocess.Popen[str]") -> None:
    folder = its_folder(another)

    swept = sweep(tmp_path)

    left = [file.name for file in folder.iterdir()]
    dies(another)
    assert swept == 0
    assert left == ["half a picture"]


def test_what_a_dead_process_had_is_removed(tmp_path: Path, another: "subprocess.Popen[str]") -> None:
    folder = its_folder(another)
    dies(another)
    before = folder.exists()

    swept = sweep(tmp_path)

    assert before
    assert swept == 1
    assert list(tmp_path.iterdir()) == []


def test_one_s_own_folder_is_left_alone(tmp_path: Path) -> None:
    mine = open_scratch(tmp_path)

    swept = sweep(tmp_path)

    assert swept == 0
    assert mine.folder.is_dir()
    mine.close()


def test_a_closed_folder_is_gone_with_all_that_is_in_it(tmp_path: Path) -> None:
    mine = open_scratch(tmp_path)
    (mine.folder / "task").mkdir()
    (mine.folder / "task" / "picture").write_bytes(b"...")

    mine.close()

    assert list(tmp_path.iterdir()) == []


def test_a_start_removes_what_the_dead_left_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, engine="sandbox")
    prepare_data(settings)
    (settings.scratch / "run-dead" / "task-1").mkdir(parents=True)
    (settings.scratch / "notes.txt").write_text("an operator's")

    prepare_data(settings)

    assert [each.name for each in settings.scratch.iterdir()] == ["notes.txt"]


def test_a_service_takes_its_folder_along_when_it_closes(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, engine="sandbox")
    prepare_data(settings)
    limner = build(settings)
    before = list(settings.scratch.iterdir())

    asyncio.run(limner.close())

    assert before == [limner.scratch.folder]
    assert list(settings.scratch.iterdir()) == []
