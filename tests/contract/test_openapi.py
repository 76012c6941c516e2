"""The API's own description: valid, complete, and no request made from it breaks the server."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from contract.client import BASE, PICTURE, Client, newcomer
from limner.api.v2.errors import ERRORS
from limner.models import shipped_models
from serving import Served, serving

MODELS = shipped_models()

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
]


@pytest.fixture(scope="module")
def open_handed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that refuses nobody for what they have made already."""
    settings = {"uploads_per_second": "100000", "account_tasks": "1000000", "log_level": "error"}
    with serving(tmp_path_factory.mktemp("open"), **settings) as server:
        server.cli("credits", "grant", "1000000")
        yield server


@pytest.fixture(scope="module")
def document(client: Client) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/openapi.json", auth=False).json
    return described


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


def test_every_schema_in_the_document_is_a_valid_schema(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert {"Error", "Task", "GenerateImage", "TextToImage"} <= schemas.keys()
    for schema in schemas.values():
        jsonschema_rs.meta.validate(schema)


def test_every_path_of_the_face_is_in_the_document(document: dict[str, Any]) -> None:
    ours = {(method, path) for path, methods in document["paths"].items() for method in methods if BASE in path}

    assert ours >= {
        ("post", f"{BASE}/task"),
        ("get", f"{BASE}/task/{{task_id}}"),
        ("post", f"{BASE}/task/batch"),
        ("post", f"{BASE}/task/{{task_id}}/cancel"),
        ("get", f"{BASE}/task/watch/{{task_id}}"),
        ("get", f"{BASE}/task/watch/all"),
        ("get", f"{BASE}/task/watch/all/{{since}}"),
        ("post", f"{BASE}/upload"),
        ("post", f"{BASE}/upload/sts"),
        ("get", f"{BASE}/user/balance"),
        ("get", f"{BASE}/user/wallet/balance"),
    }


def test_every_v3_operation_needs_a_key(document: dict[str, Any]) -> None:
    ours = [
        operation
        for path, methods in document["paths"].items()
        if path.startswith(BASE)
        for operation in methods.values()
    ]

    assert ours
    assert all(operation["security"] == [{"key": []}] for operation in ours)
    assert all("401" in operation["responses"] for operation in ours)


def test_the_codes_of_the_document_are_those_of_the_table(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["Error"]["properties"]["code"]["enum"] == sorted(ERRORS)


def test_the_answers_are_as_described(client: Client, document: dict[str, Any]) -> None:
    task = client.done()
    failed = client.done(file={"url": "http://not-there.invalid/a.png"})
    error = client.create(prompt="").json
    components = {"components": document["components"]}

    def validator(name: str) -> jsonschema_rs.Validator:
        return jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", **components})

    assert [list(validator("Task").iter_errors(each)) for each in (task, failed)] == [[], []]
    assert list(validator("Error").iter_errors(error)) == []
    assert list(validator("Task").iter_errors({**task, "status": "unknown"}))


def test_the_page_for_people_names_every_operation_and_loads_nothing(client: Client, document: dict[str, Any]) -> None:
    answer = client.get("/docs", auth=False)
    page = answer.body.decode()

    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert all(path in page for path in document["paths"])
    assert re.findall(r"<script[^>]*>", page) == [f'<script type="module" src="{_asset(page, "studio.js")}">']
    assert not re.search(r' style=| on\w+=|(?:src|href)="(?:https?:)?//', page)


def _asset(page: str, name: str) -> str:
    """The path of an asset as the page names it: below this server's own."""
    found = re.search(rf'"(/studio/assets/[^"/]+/{name})"', page)
    assert found
    return found[1]


def test_the_root_leads_to_the_studio(client: Client) -> None:
    answer = client.get("/", auth=False)

    assert (answer.status, answer.headers["Location"]) == (307, "/studio")


@pytest.mark.long
def test_no_request_made_from_the_document_breaks_the_server_or_gets_an_answer_it_does_not_describe(
    open_handed: Served, document: dict[str, Any], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{open_handed.url}/openapi.json", "--no-color"]
    command += ["--header", f"Authorization: Bearer {open_handed.key}", "--checks", ",".join(CHECKS)]
    command += ["--phases", "coverage,fuzzing", "--max-examples", "60", "--max-time", "30", "--seed", "1"]
    command += ["--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    operations = sum(len(methods) for methods in document["paths"].values())
    assert run.returncode == 0, run.stdout
    assert f"Tested: {operations}" in run.stdout


@pytest.mark.long
def test_the_server_is_sound_after_all_that(open_handed: Served) -> None:
    client = newcomer(open_handed)  # an operator's calls may have erased the first account
    task = client.done(file={"file_token": client.token(PICTURE)})

    assert task["status"] == "success"
    assert open_handed.cli("credits", "prove")["proved"] is True
