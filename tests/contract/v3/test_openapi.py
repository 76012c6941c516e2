"""The OpenAPI description of this API; v2's tests also send requests generated from it."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contract.v3.client import BASE, V3Client
from limner.api.v3.errors import ERRORS

ROOT = Path(__file__).resolve().parents[3]
PATHS = {
    ("get", "/tasks/{task_id}"),
    ("post", "/tasks/list"),
    ("post", "/generation/text-to-image"),
    ("post", "/generation/image-to-image"),
    ("post", "/generation/image-to-multiview"),
    ("post", "/generation/edit-multiview"),
    ("post", "/files"),
    ("post", "/files/presign"),
    ("post", "/files/upload-credentials"),
    ("put", "/files/{tag}/{token}"),
    ("get", "/account/balance"),
    ("get", "/account/usage"),
}


@pytest.fixture(scope="module")
def document(client: V3Client) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/openapi.json", auth=False).json
    return described


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path.removeprefix(BASE)): operation
        for path, methods in document["paths"].items()
        if path.startswith(f"{BASE}/")
        for method, operation in methods.items()
    }


def test_every_path_of_the_face_is_in_the_document_and_on_its_page(document: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "v3.md").read_text()

    assert operations(document).keys() >= PATHS
    assert [path for _, path in operations(document) if path not in page] == []


def test_every_operation_but_the_signed_link_needs_a_key(document: dict[str, Any]) -> None:
    free = {name for name, operation in operations(document).items() if "security" not in operation}

    assert free == {("put", "/files/{tag}/{token}")}


def test_the_codes_of_the_document_are_those_of_the_table(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["V3Error"]["properties"]["code"]["enum"] == sorted(ERRORS)


def test_an_input_is_a_text_or_an_object(document: dict[str, Any]) -> None:
    described = document["components"]["schemas"]["ImageFromImage"]["properties"]["input"]["anyOf"]

    assert {"type": "string"} in described
    assert {"$ref": "#/components/schemas/FileReference"} in described


def test_the_answers_are_as_described(client: V3Client, document: dict[str, Any]) -> None:
    tasks = [client.done(), client.done(input="http://not-there.invalid/a.png"), client.task(client.submit())]
    components = {"components": document["components"]}

    def faults(name: str, value: Any) -> list[Any]:
        schema = {"$ref": f"#/components/schemas/{name}", **components}
        return list(jsonschema_rs.validator_for(schema, validate_formats=True).iter_errors(value))

    assert [faults("V3Task", task) for task in tasks] == [[], [], []]
    assert faults("V3Error", client.create(prompt="").json) == []
    assert [faults("Usage", row) for row in client.get(f"{BASE}/account/usage").data] == [[]] * len(
        client.get(f"{BASE}/account/usage").data
    )
    assert faults("V3Task", {**tasks[0], "status": "banned"})
