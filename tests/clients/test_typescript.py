"""The types for TypeScript: as the API describes itself, and as the published compiler reads them."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from clients.conftest import NO_PACKAGES, NO_PROGRAM
from clients.environments import NotInstalled
from clients.node_packages import node_packages
from project_scripts import load_script

ROOT = Path(__file__).parents[2]
TYPES = ROOT / "clients/typescript/limner.d.ts"
PROGRAM = """
import type { BudgetWarning, Calls, Task, TaskEnded, WatchFrame } from "./limner";

type Create = Calls["POST /v2/openapi/task"];
const body: Create["body"] = { type: "generate_image", prompt: "a cat", n: 2, files: [{ task_id: "…" }] };
const status: Task["status"] = "success";
function read(frame: WatchFrame, end: TaskEnded, warning: BudgetWarning): number {
  return frame.data.progress + end.data.progress + warning.data.budget.spent;
}
"""


@pytest.fixture(scope="module")
def documents() -> tuple[Any, Any]:
    openapi, asyncapi = load_script("write_types").documents()
    return openapi, asyncapi


@pytest.fixture(scope="module")
def compiler() -> Path:
    if shutil.which("npm") is None:
        pytest.skip(f"{NO_PROGRAM} node")
    try:
        return node_packages() / "node_modules/typescript/bin/tsc"
    except NotInstalled as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{NO_PACKAGES}: {error}")


def compiled(compiler: Path, folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "limner.d.ts").write_text(TYPES.read_text())
    (folder / "program.ts").write_text(program)
    command = ["node", compiler, "--noEmit", "--strict", "--lib", "es2022,dom", folder / "program.ts"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_types_are_those_of_the_api(documents: tuple[Any, Any]) -> None:
    assert TYPES.read_text() == load_script("write_types").types(*documents), "run `make docs`"


def test_every_call_and_schema_has_its_type(documents: tuple[Any, Any]) -> None:
    text = TYPES.read_text()
    calls = {f"{method.upper()} {path}" for path, found in documents[0]["paths"].items() for method in found}

    assert all(f'"{call}": {{' in text for call in calls)
    assert all(f"export type {name} = " in text for each in documents for name in each["components"]["schemas"])


def test_the_compiler_takes_a_good_program_and_refuses_a_wrong_one(compiler: Path, tmp_path: Path) -> None:
    good = compiled(compiler, tmp_path, PROGRAM)
    wrong = compiled(
        compiler, tmp_path, PROGRAM.replace('"generate_image"', '"generate_music"').replace('"success"', '"done"')
    )

    assert good.returncode == 0, good.stdout
    assert wrong.returncode != 0
    assert "generate_music" in wrong.stdout
    assert '"done"' in wrong.stdout


def test_the_references_of_asyncapi_lead_somewhere(documents: tuple[Any, Any]) -> None:
    _, asyncapi = documents

    def follow(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                found = asyncapi
                for part in value["$ref"].removeprefix("#/").split("/"):
                    found = found[part]
            for each in value.values():
                follow(each)
        elif isinstance(value, list):
            for each in value:
                follow(each)

    follow(asyncapi)
    assert asyncapi["asyncapi"].startswith("3.")
    assert {"watchTask", "watchAll", "watchSince", "webhook"} == set(asyncapi["channels"])


@pytest.mark.parametrize("event", ["task.succeeded", "task.failed", "task.banned", "task.expired", "task.cancelled"])
def test_a_message_of_an_end_fits_its_schema(documents: tuple[Any, Any], event: str) -> None:
    _, asyncapi = documents
    task = {"task_id": "t", "type": "generate_image", "status": "success", "input": {}, "output": {}, "progress": 100}
    message = {"type": event, "timestamp": "2026-11-24T11:13:18.775Z", "data": {**task, "create_time": 1}}
    schema = {"$ref": "#/components/schemas/TaskEnded", "components": asyncapi["components"]}

    jsonschema.validate(message, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**message, "type": "task.eaten"}, schema)
    assert json.dumps(message)
