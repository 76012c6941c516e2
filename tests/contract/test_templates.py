"""Templates of accounts over HTTP: made, changed, pinned, exported, and nobody else's."""

import base64
import io
import json
import shutil
import uuid
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from contract.client import BASE, PHOTO, PICTURE, Answer, Client, client_of, newcomer
from limner.templates.loader import load_template
from serving import Served, serving

JSON_BODY = {"Content-Type": "application/json"}
PATH = "/v1/templates"
PICTURE_DATA = base64.b64encode(PICTURE).decode()
TEMPLATE: dict[str, Any] = {
    "title": "Woodcut",
    "summary": "Cuts it in wood.",
    "text": 'Draw it as a woodcut: "bold" lines, black on white. 木版画.',
    "aspect_ratio": "3:4",
    "best_with": ["gpt_image_2"],
    "pictures": [{"role": "an example of the lines", "data": PICTURE_DATA}],
    "before": {"data": PICTURE_DATA},
    "after": {"data": base64.b64encode(PHOTO).decode()},
}


@pytest.fixture
def owner(served: Served) -> Client:
    return newcomer(served)


def put(client: Client, slug: str, **changes: Any) -> Answer:
    return client.call("PUT", f"{PATH}/{slug}", json.dumps(TEMPLATE | changes).encode(), JSON_BODY)


def bring_back(client: Client, slug: str, **body: Any) -> Answer:
    return client.call("POST", f"{PATH}/{slug}/bring-back", json.dumps(body).encode(), JSON_BODY)


def names(client: Client) -> dict[str, str]:
    return {each["template"]: each["origin"] for each in client.get(PATH).data["templates"]}


def new_account(served: Served) -> tuple[str, Client]:
    """The name of a fresh account, and a caller of it."""
    name = f"a-{uuid.uuid4().hex[:12]}"
    return name, newcomer(served, name=name)


def parts_of_prompt(client: Client, task: str) -> dict[str, str]:
    """The parts of the prompt that a task was run with, by their source."""
    parts = client.get(f"{BASE}/task/{task}/explain").data["prompts"][0]["parts"]
    return {part["source"]: part["text"] for part in parts}


def test_a_template_is_added_listed_and_read(owner: Client) -> None:
    added = put(owner, "wood-cut").data
    read = owner.get(f"{PATH}/wood_cut").data

    assert added == read
    assert (read["template"], read["origin"], read["text"]) == ("wood_cut", "own", TEMPLATE["text"])
    assert read["pictures"] == [{"file": "picture-1.png", "role": "an example of the lines"}]
    assert (read["before"], read["after"]) == ("before.png", "after.jpg")
    assert owner.get(f"{PATH}/wood_cut/files/after.jpg").body == PHOTO
    assert names(owner)["wood_cut"] == "own"
    assert names(owner)["figure"] == "built_in"
    assert owner.get(f"{PATH}/figure").data["text"]


def test_a_task_is_made_with_it_and_keeps_its_version(owner: Client) -> None:
    put(owner, "woodcut")
    task = owner.done(prompt="a fox", template="woodcut")
    put(owner, "woodcut", text="Draw it in chalk.", pictures=[])
    later = owner.done(prompt="a fox", template="woodcut")["task_id"]
    owner.call("DELETE", f"{PATH}/woodcut")

    assert task["status"] == "success"
    assert parts_of_prompt(owner, task["task_id"])["template"] == TEMPLATE["text"]
    assert parts_of_prompt(owner, later)["template"] == "Draw it in chalk."
    assert [each["text"] for each in owner.get(f"{PATH}/woodcut/versions").data["versions"]] == [
        "Draw it in chalk.",
        TEMPLATE["text"],
    ]
    assert owner.create(template="woodcut").refusal == (400, 1004)


def test_an_earlier_version_is_used_again_also_of_a_template_that_was_removed(owner: Client) -> None:
    first = put(owner, "brought_back").data
    put(owner, "brought_back", text="Draw it in chalk.")
    owner.call("DELETE", f"{PATH}/brought_back")

    again = bring_back(owner, "brought-back", version=first["version"]).data

    assert (again["version"], again["text"]) == (first["version"], TEMPLATE["text"])
    assert owner.get(f"{PATH}/brought_back").data["text"] == TEMPLATE["text"]
    assert len(owner.get(f"{PATH}/brought_back/versions").data["versions"]) == 3


def test_a_version_that_the_template_never_had_is_refused_by_its_field(owner: Client, other_client: Client) -> None:
    version = put(owner, "with_versions").data["version"]
    put(other_client, "with_versions", text="Draw it in chalk.")

    for client, named in ((other_client, version), (owner, "0" * 64)):
        assert bring_back(client, "with_versions", version=named).refusal == (404, 9415)
    bodies: list[dict[str, Any]] = [{}, {"version": ""}, {"version": 3}, {"version": "x" * 65}]
    for body in bodies:
        refused = bring_back(owner, "with_versions", **body)
        assert refused.status == 400
        assert "version" in refused.json["suggestion"]


def test_a_queued_task_runs_with_the_version_of_its_acceptance(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--api-only") as server:
        client = client_of(server)
        put(client, "woodcut")
        task = client.submit(template="woodcut", model="flux.1_kontext_pro")
        client.call("DELETE", f"{PATH}/woodcut")
    with serving(tmp_path / "data") as server:
        done = Client(server.url, client.key).wait(task)

    assert done["status"] == "success"


@pytest.mark.long
def test_tasks_keep_the_version_of_a_folders_template(tmp_path: Path) -> None:
    folder, data = tmp_path / "templates" / "etching", tmp_path / "data"
    folder.mkdir(parents=True)

    def write(text: str, picture: bytes | None) -> None:
        lines = [f"{key} = {json.dumps(value)}" for key, value in {"title": "E", "summary": "E.", "text": text}.items()]
        if picture:
            (folder / "line.png").write_bytes(picture)
            lines += ["[[pictures]]", 'file = "line.png"', 'role = "an example of the lines"']
        (folder / "template.toml").write_text("\n".join(lines))

    write("Etch it.", PICTURE)
    with serving(data, "--api-only", templates=str(folder.parent)) as server:
        key = client_of(server).key
        queued = Client(server.url, key).submit(prompt="a fox", template="etching", model="gpt_image_2")
    write("Draw it in chalk.", None)
    (folder / "line.png").unlink()
    with serving(data, templates=str(folder.parent)) as server:
        client = Client(server.url, key)
        done = client.wait(queued)
        parts = parts_of_prompt(client, queued)
        later = parts_of_prompt(client, client.done(prompt="a fox", template="etching")["task_id"])
    shutil.rmtree(folder)
    with serving(data, templates=str(folder.parent)) as server:
        removed = parts_of_prompt(Client(server.url, key), queued)

    assert done["status"] == "success"
    assert parts["template"] == removed["template"] == "Etch it."
    assert "an example of the lines" in parts["pictures"]
    assert later["template"] == "Draw it in chalk."


def test_the_same_content_makes_no_new_version(owner: Client) -> None:
    first = put(owner, "woodcut").data["version"]
    again = put(owner, "woodcut", pictures=[{"role": "an example of the lines", "file": "picture-1.png"}]).data[
        "version"
    ]

    assert first == again
    assert len(owner.get(f"{PATH}/woodcut/versions").data["versions"]) == 1


def test_an_exported_folder_has_the_same_digest_and_is_imported_as_the_same_version(
    owner: Client, other_client: Client, tmp_path: Path
) -> None:
    version = put(owner, "woodcut").data["version"]
    archive = owner.get(f"{PATH}/woodcut/zip").body
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        opened.extractall(tmp_path / "woodcut")

    imported = other_client.call("PUT", f"{PATH}/woodcut", archive, {"Content-Type": "application/zip"}).data

    assert load_template(tmp_path / "woodcut").version == version == imported["version"]


@pytest.mark.long
def test_the_command_line_imports_exports_and_shares(served: Served, tmp_path: Path) -> None:
    name, owner = new_account(served)
    other, guest = new_account(served)
    version = put(owner, "woodcut").data["version"]

    served.cli("templates", "export", "woodcut", str(tmp_path / "chalk"), "--account", name)
    imported = served.cli("templates", "import", str(tmp_path / "chalk"), "--account", name)
    served.cli("templates", "share", "woodcut", "--account", name, "--with", other)
    shared = names(guest)
    listed = {each["slug"] for each in served.cli("templates", "list", "--account", other)}
    made = guest.done(template="woodcut")["status"]
    served.cli("templates", "unshare", "woodcut", "--account", name, "--with", other)
    served.cli("templates", "remove", "chalk", "--account", name)

    assert imported["version"] == version
    assert shared["woodcut"] == "shared"
    assert listed == shared.keys()
    assert made == "success"
    assert "woodcut" not in names(guest)
    assert "chalk" not in names(owner)
    assert [each["version"] for each in served.cli("templates", "versions", "chalk", "--account", name)] == [version]


def test_a_template_is_the_accounts_own(owner: Client, other_client: Client) -> None:
    put(owner, "secret_woodcut")

    for path in ("", "/zip", "/files/before.png"):
        assert other_client.get(f"{PATH}/secret_woodcut{path}").refusal == (404, 9415), path
    assert other_client.get(f"{PATH}/secret_woodcut/versions").data == {"versions": []}
    assert other_client.call("DELETE", f"{PATH}/secret_woodcut").refusal == (404, 9415)
    assert "secret_woodcut" not in names(other_client)
    assert other_client.create(template="secret_woodcut").refusal == (400, 1004)


def test_changing_needs_the_scope_generate_and_reading_the_scope_read(served: Served) -> None:
    reader, writer = newcomer(served, scopes=("read",)), newcomer(served, scopes=("generate",))

    assert put(reader, "woodcut").refusal == (403, 1005)
    assert reader.call("DELETE", f"{PATH}/woodcut").refusal == (403, 1005)
    assert writer.get(PATH).refusal == (403, 1005)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": ""}, "title"),
        ({"text": "x" * 2001}, "text"),
        ({"text": "a 🐈"}, "text"),
        ({"aspect_ratio": "wide"}, "16:9"),
        ({"pictures": [{"role": "a", "data": "%"}]}, "base64"),
        ({"pictures": [{"role": "a", "data": base64.b64encode(b"GIF89a").decode()}]}, "PNG nor JPEG"),
        ({"pictures": [{"role": "a", "data": base64.b64encode(PICTURE[:60]).decode()}]}, "picture-1.png"),
        ({"pictures": [{"role": "a"}]}, "exactly one"),
        ({"pictures": [{"role": "a", "file": "../secret"}]}, "no file"),
        ({"pictures": [{"role": "a", "data": PICTURE_DATA}] * 3}, "pictures"),
    ],
)
def test_a_wrong_template_is_refused_and_nothing_is_kept(owner: Client, changes: dict[str, Any], said: str) -> None:
    answer = put(owner, "woodcut", **changes)

    assert answer.status == 400
    assert said in answer.suggestion
    assert "woodcut" not in names(owner)


@pytest.mark.parametrize("slug", ["..", "Wood Cut", "a__b", "x" * 61, "木"])
def test_a_wrong_name_is_refused(owner: Client, slug: str) -> None:
    assert put(owner, quote(slug).replace(".", "%2E")).status in {400, 404}
    assert len(names(owner)) == 8


@pytest.mark.parametrize("body", [b"", b"PK", b"not a zip"])
def test_what_is_no_archive_is_refused(owner: Client, body: bytes) -> None:
    answer = owner.call("PUT", f"{PATH}/woodcut", body, {"Content-Type": "application/zip"})

    assert answer.status == 400


def test_an_archive_that_unpacks_to_very_much_is_refused(owner: Client) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("template.toml", b"title = 'x'")
        archive.writestr("large.png", bytes(50 * 1024 * 1024))

    answer = owner.call("PUT", f"{PATH}/woodcut", out.getvalue(), {"Content-Type": "application/zip"})

    assert answer.refusal == (400, 1004)


def test_the_templates_of_an_erased_account_are_erased(served: Served) -> None:
    name, client = new_account(served)
    put(client, "woodcut", text="the-unspeakable-badger in wood")

    served.cli("accounts", "erase", name, "--yes")

    assert b"the-unspeakable-badger" not in (served.data / "limner.db").read_bytes()
