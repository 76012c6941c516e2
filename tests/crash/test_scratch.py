"""The scratch folder of a process is removed when it closes, or at the next start if it was killed."""

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
def other_process(tmp_path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)


def folder_of(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout
    return Path(process.stdout.readline().strip())


def kill(process: "subprocess.Popen[str]") -> None:
    with process:
        process.send_signal(signal.SIGKILL)


def test_sweep_keeps_the_folder_of_a_live_process(tmp_path: Path, other_process: "subprocess.Popen[str]") -> None:
    folder = folder_of(other_process)

    swept = sweep(tmp_path)

    left = [file.name for file in folder.iterdir()]
    kill(other_process)
    assert swept == 0
    assert left == ["half a picture"]


def test_sweep_removes_the_folder_of_a_dead_process(tmp_path: Path, other_process: "subprocess.Popen[str]") -> None:
    folder = folder_of(other_process)
    kill(other_process)
    before = folder.exists()

    swept = sweep(tmp_path)

    assert before
    assert swept == 1
    assert list(tmp_path.iterdir()) == []


def test_sweep_keeps_its_own_folder(tmp_path: Path) -> None:
    own = open_scratch(tmp_path)

    swept = sweep(tmp_path)

    assert swept == 0
    assert own.folder.is_dir()
    own.close()


def test_close_removes_the_folder_with_its_files(tmp_path: Path) -> None:
    own = open_scratch(tmp_path)
    (own.folder / "task").mkdir()
    (own.folder / "task" / "picture").write_bytes(b"...")

    own.close()

    assert list(tmp_path.iterdir()) == []


def test_a_start_removes_folders_of_dead_processes_and_no_other_files(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, engine="sandbox")
    prepare_data(settings)
    (settings.scratch / "run-dead" / "task-1").mkdir(parents=True)
    (settings.scratch / "notes.txt").write_text("an operator's")

    prepare_data(settings)

    assert [each.name for each in settings.scratch.iterdir()] == ["notes.txt"]


def test_closing_a_service_removes_its_folder(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, engine="sandbox")
    prepare_data(settings)
    limner = build(settings)
    before = list(settings.scratch.iterdir())

    asyncio.run(limner.close())

    assert before == [limner.scratch.folder]
    assert list(settings.scratch.iterdir()) == []
