"""A server that draws with models of its own; a stand-in takes the place of torch and diffusers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.client import PICTURE, client_of
from serving import Served, serving
from unit.providers.diffusers.folders import model_folder, noted

STAND_IN = Path(__file__).parents[1] / "unit" / "providers" / "diffusers" / "stand_in"

ROUTES = """
[provider.diffusers]
options = { megapixels = 0.0625 }

[[route]]
model = "flux.1_kontext_pro"
provider = "diffusers"
upstream = "klein"

[[route]]
model = "flux.1_dev"
provider = "diffusers"
upstream = "FLUX.1-dev"
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    model_folder(tmp_path / "models" / "klein", "Flux2KleinPipeline", is_distilled=True)
    return tmp_path / "models"


@contextmanager
def drawing(tmp_path: Path, models: Path, *arguments: str) -> Iterator[Served]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "limner.toml").write_text(ROUTES)
    paths = os.pathsep.join([str(STAND_IN), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {"LIMNER_DIFFUSERS_MODELS": str(models), "PYTHONPATH": paths}
    with serving(tmp_path / "data", *arguments, vendors=variables) as server:
        yield server


def test_a_task_is_drawn_by_a_model_of_the_operator_s(tmp_path: Path, models: Path) -> None:
    with drawing(tmp_path, models) as server:
        client = client_of(server)
        token = client.token(PICTURE)
        task = client.done(model_version="flux.1_kontext_pro", file={"type": "png", "file_token": token})
        proved = server.cli("credits", "prove")["proved"]

    assert task["status"] == "success"
    assert task["served_by"]["model"] == "klein"
    assert task["served_by"]["generative"] is True
    (call,) = noted(models / "klein", "calls")
    assert (call["prompt"], call["images"]) == ("a small cat", [[64, 48]])
    assert proved is True


def test_a_model_that_is_not_there_fails_the_task_and_costs_nothing(tmp_path: Path, models: Path) -> None:
    with drawing(tmp_path, models) as server:
        client = client_of(server)
        before = client.balance()
        task = client.done(model_version="flux.1_dev")
        after = client.balance()

    assert task["status"] == "failed"
    assert "'FLUX.1-dev' does not exist" in task["error_msg"]
    assert before == after


def test_a_cancelled_task_frees_the_model_for_the_next(tmp_path: Path, models: Path) -> None:
    with drawing(tmp_path, models) as server:
        client = client_of(server)
        endless = client.submit(prompt="for ever")
        client.wait(endless, "running")
        cancelled = client.post(f"/task/{endless}/cancel", {})
        next_one = client.done()

    assert cancelled.status == 200
    assert next_one["status"] == "success"
    assert len(noted(models / "klein", "loads")) == 1


def test_a_server_that_only_accepts_loads_nothing(tmp_path: Path, models: Path) -> None:
    with drawing(tmp_path, models, "--api-only") as server:
        client = client_of(server)
        status = client.task(client.submit())["status"]
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()

    assert status == "queued"
    assert [child for child in children if "diffusers" in _command(child)] == []
    assert noted(models / "klein", "loads") == []


def _command(process: str) -> str:
    return (Path("/proc") / process / "cmdline").read_text()


def test_a_stopped_server_leaves_no_process(tmp_path: Path, models: Path) -> None:
    with drawing(tmp_path, models) as server:
        client_of(server).done()
        ended = server.stop()

    (load,) = noted(models / "klein", "loads")
    assert ended == 0
    with pytest.raises(ProcessLookupError):
        os.kill(load["pid"], 0)
