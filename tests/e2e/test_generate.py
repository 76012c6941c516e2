"""`limner generate` never loses what was paid: outputs are checked first, an interrupted task is saved later."""

import io
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from contract.client import client_of
from e2e.test_cli import Limner
from s3_server import S3Server, dropping, s3_server
from serving import serving


@pytest.fixture
def limner(tmp_path: Path) -> Limner:
    return Limner(tmp_path / "data")


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_ordered(limner: Limner, tmp_path: Path) -> None:
    (tmp_path / "there.png").write_bytes(b"mine")

    refused = [
        limner("generate", "a cat", "-o", tmp_path / name) for name in ("", "there.png", "there.png/cat.png", "cat.gif")
    ]

    assert [ran.code for ran in refused] == [1] * 4
    assert ["Traceback" in ran.err for ran in refused] == [False] * 4
    assert "add --force" in refused[1].err
    assert limner("tasks", "list", "--json").json == []
    assert (tmp_path / "there.png").read_bytes() == b"mine"


def test_a_folder_as_reference_is_refused_plainly(limner: Limner, tmp_path: Path) -> None:
    ran = limner("generate", "a cat", "-f", tmp_path)

    assert ran.code == 2
    assert "is a directory" in " ".join(ran.err.split())


def test_a_picture_goes_to_standard_output_alone(limner: Limner, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "limner", "generate", "a cat", "-o", "-", "--data", str(limner.data)],
        env=os.environ | {"LIMNER_ENGINE": "sandbox"},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )

    with Image.open(io.BytesIO(done.stdout)) as picture:
        picture.load()
    assert b"Saved" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other programs that open files")
def test_the_picture_is_opened_in_the_viewer_when_asked(tmp_path: Path) -> None:
    viewer, opened = tmp_path / "bin" / "xdg-open", tmp_path / "opened"
    viewer.parent.mkdir()
    os.mkfifo(opened)
    viewer.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    viewer.chmod(0o755)
    program = [sys.executable, "-m", "limner", "generate", "a cat", "--open", "-o", "cat.png", "--data", "data"]
    path = f"{viewer.parent}{os.pathsep}{os.environ['PATH']}"

    reader = os.open(opened, os.O_RDWR)  # not O_RDONLY, which would wait for a writer without end
    try:
        subprocess.run(program, env=os.environ | {"LIMNER_ENGINE": "sandbox", "PATH": path}, cwd=tmp_path, check=True)
        written, _, _ = select.select([reader], [], [], 60)
        name = os.read(reader, 4096).decode().strip() if written else ""
    finally:
        os.close(reader)

    assert name.endswith("cat.png")
    assert (tmp_path / "cat.png").exists()


def test_a_task_is_saved_later_in_the_format_of_the_name(limner: Limner, tmp_path: Path) -> None:
    task = limner("generate", "a cat", "--json").json["task_id"]

    saved = limner("tasks", "save", task, "-o", tmp_path / "cat.jpg", "--json").json
    again = limner("tasks", "save", task, "-o", tmp_path / "cat.jpg")
    forced = limner("tasks", "save", task, "-o", tmp_path / "cat.jpg", "--force")

    assert saved["file"] == str(tmp_path / "cat.jpg")
    assert (again.code, forced.code) == (1, 0)
    with Image.open(tmp_path / "cat.jpg") as picture:
        assert picture.format == "JPEG"


def test_ctrl_c_names_the_task_which_save_runs_to_its_end_and_saves(limner: Limner, tmp_path: Path) -> None:
    slow = subprocess.Popen(
        [sys.executable, "-m", "limner", "generate", "a slow cat", "--data", str(limner.data)],
        env=os.environ | {"LIMNER_ENGINE": "sandbox", "LIMNER_SANDBOX_DELAY_S": "25"},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tasks := limner("tasks", "list", "--status", "running", "--json").json):
        assert slow.poll() is None
    slow.send_signal(signal.SIGINT)
    _, reported = slow.communicate(timeout=60)

    assert slow.returncode == 130
    assert f"limner tasks save {tasks[0]['id']}" in reported
    assert "Traceback" not in reported
    saved = limner("tasks", "save", tasks[0]["id"], "-o", tmp_path / "cat.png", "--json").json
    assert (saved["credits"], saved["file"]) == (5, str(tmp_path / "cat.png"))


@pytest.fixture
def bucket(limner: Limner, tmp_path: Path) -> Iterator[tuple[Limner, S3Server]]:
    """The command with its pictures in an object store."""
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as store:
        yield in_bucket(limner, store, store.endpoint), store


def in_bucket(limner: Limner, store: S3Server, endpoint: str) -> Limner:
    variables = {**store.variables, "AWS_ENDPOINT_URL": endpoint, "LIMNER_STORAGE_URL": store.url}
    return replace(limner, settings=tuple(variables.items()))


def test_a_picture_is_saved_from_a_store_that_drops_the_connection_once(
    bucket: tuple[Limner, S3Server], tmp_path: Path
) -> None:
    limner, store = bucket
    made = limner("generate", "a cat", "-o", "cat.png", "--json").json
    with dropping(store.endpoint, after=2000) as (endpoint, reset):
        saved = in_bucket(limner, store, endpoint)("tasks", "save", made["task_id"], "-o", "again.png")

    assert saved.code == 0, saved
    assert reset == [2000]
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "cat.png").read_bytes()


def test_a_picture_whose_store_is_down_or_has_lost_it_is_told_in_a_sentence(
    bucket: tuple[Limner, S3Server], tmp_path: Path
) -> None:
    limner, store = bucket
    task = limner("generate", "a cat", "-o", "cat.png", "--json").json["task_id"]
    shutil.rmtree(store.folder / "limner")
    lost = limner("tasks", "save", task)
    unreachable = in_bucket(limner, store, "http://127.0.0.1:9")("tasks", "save", task)
    elsewhere = replace(limner, settings=())("tasks", "save", task)

    assert [ran.code for ran in (lost, unreachable, elsewhere)] == [1, 1, 1]
    assert "is missing in the store" in lost.err
    assert "the store of pictures cannot be used" in unreachable.err
    assert "LIMNER_STORAGE_URL" in elsewhere.err
    assert ["Traceback" in ran.err for ran in (lost, unreachable, elsewhere)] == [False] * 3


def test_generate_before_serve_leaves_the_first_key_to_the_server(limner: Limner) -> None:
    assert limner("generate", "a cat").code == 0

    with serving(limner.data) as served:
        assert served.key
        assert client_of(served).get("/v2/openapi/user/balance").status == 200


def test_models_templates_and_task_ids_are_completed(limner: Limner) -> None:
    task = limner("generate", "a cat", "--json").json["task_id"]

    def completed(*words: str) -> list[str]:
        line = " ".join(["limner", *words])
        done = subprocess.run(
            [Path(sys.executable).with_name("limner")],  # completion goes by the name of the command
            env=os.environ
            | {"_LIMNER_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
            | {"LIMNER_DATA": str(limner.data)},
            capture_output=True,
            text=True,
            check=False,
        )
        return re.split(r"\s+", done.stdout.strip())

    assert "gpt_image_2" in completed("generate", "-m", "gpt")
    assert "print_clay" in completed("generate", "-t", "print")
    assert task in completed("tasks", "save", task[:8])


def test_several_pictures_are_saved_beside_each_other(limner: Limner, tmp_path: Path) -> None:
    done = limner("generate", "a cat", "-n", "3", "--seed", "7", "-o", tmp_path / "cat.png", "--json")
    again = limner("tasks", "save", done.json["task_id"], "-o", tmp_path / "again.webp", "--json")

    assert done.json["files"] == [str(tmp_path / name) for name in ("cat.png", "cat-2.png", "cat-3.png")]
    assert (done.json["file"], done.json["credits"]) == (str(tmp_path / "cat.png"), 15)
    assert done.json["ignored"] == [{"field": "seed", "reason": "flux.1_kontext_pro at sandbox takes no seed"}]
    for name in again.json["files"]:
        with Image.open(name) as picture:
            assert picture.format == "WEBP"


def test_no_picture_is_ordered_when_one_of_several_could_not_be_saved(limner: Limner, tmp_path: Path) -> None:
    (tmp_path / "cat-2.png").write_bytes(b"mine")

    refused = [
        limner("generate", "a cat", "-n", "2", "-o", tmp_path / "cat.png"),
        limner("generate", "a cat", "-n", "2", "-o", "-"),
        limner("generate", "a cat", "-n", "11"),
        limner("generate", "a cat", "--size", "9K"),
    ]

    assert [ran.code for ran in refused] == [1] * 4
    assert limner("tasks", "list", "--json").json == []
    assert (tmp_path / "cat-2.png").read_bytes() == b"mine"
