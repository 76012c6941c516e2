"""The `limner` command, as people and as programs use it, with and without a server on the same data."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.client import PICTURE, WEBP, client_of
from forked import run_forked
from limner.models import shipped_models
from serving import Served, serving

MODELS = shipped_models()


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """What a refused command tells a program."""
        assert self.code == 1, self
        assert self.err == ""
        found: dict[str, Any] = json.loads(self.out)["error"]
        return found


@dataclass(frozen=True)
class Limner:
    """The command over one data folder."""

    data: Path
    settings: tuple[tuple[str, str], ...] = ()

    def __call__(self, *arguments: str | Path) -> Ran:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
        chosen = {
            "LIMNER_SIGN_IMAGES": "false",
            "LIMNER_ENGINE": "sandbox",
            "NO_COLOR": "1",
            "COLUMNS": "200",
            **dict(self.settings),
        }
        done = run_forked([*map(str, arguments), "--data", str(self.data)], kept | chosen, self.data.parent)
        return Ran(done.returncode, done.stdout, done.stderr)

    def with_(self, **settings: str) -> "Limner":
        return Limner(self.data, tuple((f"LIMNER_{name.upper()}", value) for name, value in settings.items()))


@pytest.fixture
def limner(tmp_path: Path) -> Limner:
    return Limner(tmp_path / "data")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Limner:
    """The command over a data folder that no server runs on, with an account in it."""
    limner = Limner(tmp_path_factory.mktemp("kept") / "data")
    assert limner("accounts", "create", "local", "--credits", "1000", "--json").code == 0
    return limner


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("cli") / "data", "--api-only") as served:
        yield served


@pytest.fixture(scope="module")
def beside(server: Served) -> Limner:
    """The command over a data folder that a server runs on."""
    return Limner(server.data)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(PICTURE)
    return path


def is_remedied(ran: Ran, *words: str) -> bool:
    """Whether a person was told what is wrong and what to do, and nothing of our insides."""
    said = " ".join((ran.out + ran.err).split())
    return ran.code != 0 and "Traceback" not in said and all(word in said for word in words)


# --- generate -----------------------------------------------------------------------------------------------------


def test_a_picture_is_made_on_an_empty_data_folder(limner: Limner, tmp_path: Path) -> None:
    ran = limner("generate", "a small cat", "-o", tmp_path / "out" / "cat.png")

    assert ran.code == 0
    assert "Saved" in ran.out
    assert "5 credits" in ran.out
    assert "does not generate" in ran.err
    with Image.open(tmp_path / "out" / "cat.png") as made:
        assert made.size == (256, 256)


def test_a_picture_is_made_from_pictures_a_template_and_a_model(kept: Limner, picture: Path, tmp_path: Path) -> None:
    target = tmp_path / "made.png"
    arguments = [
        "--file",
        picture,
        "-f",
        picture,
        "-t",
        "t-pose",
        "-m",
        "gpt_image_2",
        "--sketch-to-render",
        "--t-pose",
    ]
    made = kept("generate", "image[2] in a hat", *arguments, "-o", target, "--json").json
    task = kept("tasks", "show", made["task_id"], "--json").json

    assert (made["file"], made["credits"]) == (str(target), 10)
    assert made["served_by"]["generative"] is False
    assert target.read_bytes().startswith(b"\x89PNG")
    assert task["status"] == "success"
    assert task["echo"]["template"] == "t-pose"
    assert task["echo"]["t_pose"] is task["echo"]["sketch_to_render"] is True
    assert task["echo"]["prompt"] == "image[2] in a hat"


def test_a_template_alone_is_enough(kept: Limner, tmp_path: Path) -> None:
    assert kept("generate", "-t", "variants", "-o", tmp_path / "a.png", "--json").json["credits"] == 5


def test_without_a_target_the_picture_is_named_after_its_task(kept: Limner) -> None:
    made = kept("generate", "a cat", "--json").json

    assert (kept.data.parent / f"{made['task_id']}.png").is_file()
    assert made["file"] == f"{made['task_id']}.png"


def test_a_picture_is_made_beside_a_server(server: Served, beside: Limner, tmp_path: Path) -> None:
    made = beside("generate", "a cat", "-o", tmp_path / "a.png", "--json").json
    task = client_of(server).task(made["task_id"])

    assert task["status"] == "success"
    assert task["input"] == {"prompt": "a cat", "model_version": "flux.1_kontext_pro"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["prompt is empty", "1024"]),
        (["a" * 1025], ["1025 characters"]),
        (["\N{CAT FACE}"], ["U+1F431", "emoji"]),
        (["image[1]"], ["no picture was given"]),
        (["a cat", "-m", "gpt"], ["no model version 'gpt'", *MODELS]),
        (["a cat", "-t", "figurine"], ["no template 'figurine'", "'figure'"]),
        (["a cat", "--account", "nobody"], ["no account 'nobody'", "limner accounts create"]),
    ],
)
def test_an_invalid_option_is_refused_with_a_remedy(kept: Limner, arguments: list[str], words: list[str]) -> None:
    before = kept("credits", "show", "--json").json
    ran = kept("generate", *arguments)

    assert ran.code == 1
    assert is_remedied(ran, *words)
    assert kept("credits", "show", "--json").json == before


def test_a_program_hears_of_a_refusal_in_json(kept: Limner) -> None:
    error = kept("generate", "a cat", "-m", "gpt", "--json").error

    assert error["code"] == 2017
    assert error["field"] == "model_version"
    assert "gpt_image_2" in error["suggestion"]


def test_a_file_that_is_no_picture_is_named(kept: Limner, tmp_path: Path) -> None:
    (tmp_path / "cat.svg").write_text("<svg/>")
    (tmp_path / "cat.webp").write_bytes(WEBP)
    missing = kept("generate", "a cat", "-f", tmp_path / "none.png")
    drawing = kept("generate", "a cat", "-f", tmp_path / "cat.svg")
    unfit = kept("generate", "a cat", "-f", tmp_path / "cat.webp")

    assert is_remedied(missing, "none.png", "does not exist")
    assert is_remedied(drawing, "cat.svg", "an SVG", "JPEG, PNG or WebP")
    assert is_remedied(unfit, "image/webp", "flux.1_kontext_pro")


def test_without_credits_nothing_is_made(limner: Limner, tmp_path: Path) -> None:
    limner("accounts", "create", "poor", "--credits", "4")
    ran = limner("generate", "a cat", "--account", "poor", "-o", tmp_path / "a.png")

    assert is_remedied(ran, "5 credits", "4 are left")
    assert not (tmp_path / "a.png").exists()


# --- accounts, keys, credits --------------------------------------------------------------------------------------


def test_accounts_are_created_and_listed(limner: Limner) -> None:
    none = limner("accounts", "list")
    made = limner("accounts", "create", "acme", "--credits", "100", "--tasks", "3")
    second = limner("accounts", "create", "other", "--json").json
    listed = limner("accounts", "list", "--json").json
    table = limner("accounts", "list").out

    assert "limner accounts create" in none.out
    assert "acme" in made.out
    assert "limner keys create --account acme" in made.out
    assert (second["account"], second["credits"]) == ("other", 0)
    assert [(each["account"], each["balance"], each["frozen"]) for each in listed] == [
        ("acme", 100, 0),
        ("other", 0, 0),
    ]
    assert "acme" in table
    assert "other" in table


@pytest.mark.parametrize("name", ["", "Acme", "a b", "-a", "a" * 64, "é"])
def test_a_name_that_is_none_is_refused(kept: Limner, name: str) -> None:
    ran = kept("accounts", "create", "--", name) if name.startswith("-") else kept("accounts", "create", name)

    assert ran.code != 0
    assert "Traceback" not in ran.err


def test_a_name_is_given_once(kept: Limner) -> None:
    assert is_remedied(kept("accounts", "create", "local"), "'local' already", "limner credits grant")


def test_an_accounts_limit_is_set(beside: Limner) -> None:
    reported = beside("accounts", "limit", "local", "7")
    as_json = beside("accounts", "limit", "local", "8", "--json").json
    unknown = beside("accounts", "limit", "nobody", "8")

    assert "7 image tasks" in reported.out
    assert as_json == {"account": "local", "tasks": 8}
    assert is_remedied(unknown, "no account 'nobody'", "local")


def test_a_key_is_shown_once_used_listed_and_revoked(server: Served, beside: Limner) -> None:
    made = beside("keys", "create", "--name", "laptop", "--scope", "read", "--json").json
    client = client_of(server).as_(made["key"])
    works = client.balance()
    listed = beside("keys", "list", "--json").json
    table = beside("keys", "list").out
    revoked = beside("keys", "revoke", made["id"])
    again = beside("keys", "revoke", made["id"])

    assert works[0] > 0
    assert made["account"] == "local"
    assert next(each for each in listed if each["id"] == made["id"])["scopes"] == ["read"]
    assert made["key"] not in json.dumps(listed) + table
    assert "laptop" in table
    assert revoked.out.strip() == "Revoked."
    assert is_remedied(again, "no active key", "limner keys list")


def test_a_key_for_people_is_alone_on_its_line(kept: Limner) -> None:
    ran = kept("keys", "create")

    assert ran.out.startswith("tsk_")
    assert len(ran.out.split()) == 1
    assert "not shown again" in ran.err


def test_a_first_key_needs_no_server_that_has_made_the_account(limner: Limner) -> None:
    key = limner("keys", "create", "--json").json
    generated = limner("generate", "a cat", "-o", limner.data / "a.png")
    of_another = limner("keys", "create", "--account", "acme")

    assert key["account"] == "local"
    assert generated.code == 0
    assert is_remedied(of_another, "no account 'acme'", "limner accounts create")


def test_a_scope_that_is_none_is_refused_with_those_there_are(kept: Limner) -> None:
    assert is_remedied(kept("keys", "create", "--scope", "write"), "'write'", "generate, read, webhooks, admin")


def test_no_secret_is_kept_in_the_data_folder(kept: Limner) -> None:
    secret = kept("keys", "create", "--json").json["key"]

    assert not [path for path in kept.data.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_credits_are_granted_taken_back_shown_and_proved(limner: Limner) -> None:
    limner("accounts", "create", "local", "--credits", "10")
    more = limner("credits", "grant", "5", "--note", "a gift", "--json").json
    less = limner("credits", "grant", "-15", "--json").json
    too_much = limner("credits", "grant", "-1")
    nothing = limner("credits", "grant", "0")
    shown = limner("credits", "show", "--json").json
    table = limner("credits", "show").out

    assert (more["balance"], less["balance"]) == (15, 0)
    assert is_remedied(too_much, "it has 0 to spend")
    assert is_remedied(nothing, "other than 0")
    assert [row["available"] for row in shown["ledger"]] == [-15, 5, 10]
    assert "a gift" in table
    assert limner("credits", "prove", "--json").json == {"proved": True, "faults": []}
    assert limner("credits", "prove").out.startswith("Proved")


# --- tasks --------------------------------------------------------------------------------------------------------


def test_tasks_are_listed_shown_explained_and_cancelled(server: Served, beside: Limner) -> None:
    client = client_of(server)
    task_id = client.submit(prompt="a cat to look into", strength=5)
    listed = beside("tasks", "list", "--status", "queued", "--account", "local", "--json").json
    table = beside("tasks", "list").out
    shown = beside("tasks", "show", task_id)
    explained = beside("tasks", "explain", task_id)
    cancelled = beside("tasks", "cancel", task_id)
    reported = beside("tasks", "explain", task_id, "--json").json

    assert task_id in [each["id"] for each in listed]
    assert task_id in table
    assert "a cat to look into" in table
    assert task_id in shown.out
    assert "flux.1_kontext_pro" in shown.out
    assert "echo.prompt        a cat to look into" in shown.out
    assert not set("{}[]()") & set(shown.out)
    assert "a cat to look into" in explained.out
    assert "ignored fields: strength" in explained.out
    assert cancelled.out.strip() == "The task is cancelled."
    assert client.task(task_id)["status"] == "cancelled"
    assert reported["task"]["status"] == "cancelled"
    assert [row["movement"] for row in reported["ledger"]] == ["hold", "release"]


def test_what_became_of_a_picture_is_explained(kept: Limner, picture: Path, tmp_path: Path) -> None:
    made = kept("generate", "like image[1]", "-f", picture, "-o", tmp_path / "a.png", "--json").json
    reported = kept("tasks", "explain", made["task_id"]).out
    again = kept("tasks", "cancel", made["task_id"])

    assert "like the input image" in reported
    assert "provider: sandbox" in reported
    assert "generative: no" in reported
    assert "files[0]" in reported
    assert "image/png" in reported
    assert "-5" in reported
    assert again.out.strip() == "The task is success."


def test_words_in_brackets_are_shown_as_they_are(server: Served, beside: Limner) -> None:
    words = "a [/cat] in a [bold]hat[red]"
    task_id = client_of(server).submit(prompt=words, **{"[/odd]": 1})
    reported = [beside("tasks", *arguments).out for arguments in (["list"], ["show", task_id], ["explain", task_id])]
    refused = beside("generate", words, "-m", "[/flux]")

    assert all(words in each for each in reported)
    assert "ignored fields: [/odd]" in reported[2]
    assert is_remedied(refused, "no model version '[/flux]'")


@pytest.mark.parametrize("verb", ["show", "explain", "cancel"])
def test_an_unknown_task_is_reported(kept: Limner, verb: str) -> None:
    assert is_remedied(kept("tasks", verb, "nothing"), "no task 'nothing'")
    assert kept("tasks", verb, "nothing", "--json").error["code"] == 2001


def test_an_empty_list_says_so(limner: Limner) -> None:
    assert limner("tasks", "list").out.strip() == "No tasks yet."
    assert limner("tasks", "list", "--json").json == []


# --- templates, doctor, database ----------------------------------------------------------------------------------


def test_templates_are_listed_and_shown(kept: Limner) -> None:
    listed = kept("templates", "list", "--json").json
    table = kept("templates", "list").out
    shown = kept("templates", "show", "t-pose").out
    as_json = kept("templates", "show", "t_pose", "--json").json
    unknown = kept("templates", "show", "tpose")

    assert {"t_pose", "figure", "variants"} <= {each["slug"] for each in listed}
    assert all(each["slug"] in table for each in listed)
    assert as_json["text"] in shown.replace("\n", " ") or as_json["text"] in shown
    assert all(Path(file).is_file() for file in as_json["files"])
    assert is_remedied(unknown, "'t_pose'")


def test_a_healthy_installation_is_well(kept: Limner) -> None:
    plain, deep = kept("doctor"), kept("doctor", "--deep", "--json").json

    assert plain.code == 0
    assert "✗" not in plain.out
    assert deep["well"] is True
    assert {"database", "storage", "credits", "pictures", "secret", "clock"} <= {
        each["check"] for each in deep["findings"]
    }


def test_a_deep_look_finds_a_damaged_picture(limner: Limner, tmp_path: Path) -> None:
    limner("generate", "a cat", "-o", tmp_path / "a.png")
    blob = next(path for path in (limner.data / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 100)
    blob.write_bytes(b"damaged")
    plain, deep = limner("doctor"), limner("doctor", "--deep")

    assert plain.code == 0
    assert deep.code == 1
    assert is_remedied(deep, "1 referenced pictures that are truncated", blob.name, "from a backup")


def test_a_secret_that_others_can_read_is_found(limner: Limner) -> None:
    limner("doctor")
    (limner.data / "secret").chmod(0o644)
    ran = limner("doctor")

    assert ran.code == 1
    assert is_remedied(ran, "chmod 600")


def test_doctor_works_beside_a_server(beside: Limner) -> None:
    assert beside("doctor", "--deep", "--json").json["well"] is True


def test_the_database_is_brought_up_to_date(limner: Limner) -> None:
    first = limner("db", "upgrade", "--json").json
    second = limner("db", "upgrade")

    assert first["done"] == "created"
    assert second.code == 0
    assert "Nothing to do" in second.out


# --- what is wrong with the set-up --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [["keys", "list"], ["db", "upgrade"], ["generate", "a cat"], ["serve", "--port", "0"]]
)
def test_a_database_of_an_unknown_kind_is_reported(limner: Limner, command: list[str]) -> None:
    ran = limner.with_(database_url="mysql://root@localhost/limner")(*command)

    assert is_remedied(ran, "'mysql'", "sqlite:///path")


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("port", "99999", "port"),
        ("secret", "short", "32 characters"),
        ("engine", "magic", "sandbox"),
        ("lease_s", "0", "lease_s"),
    ],
)
def test_a_setting_that_cannot_be_is_reported(limner: Limner, setting: str, value: str, word: str) -> None:
    assert is_remedied(limner.with_(**{setting: value})("accounts", "list"), word)


def test_a_list_of_hosts_that_cannot_be_read_is_reported(limner: Limner) -> None:
    assert is_remedied(limner.with_(fetch_allow="127.0.0.1:0")("accounts", "list"), "127.0.0.1:0")


@pytest.mark.parametrize("command", [["accounts", "list"], ["serve", "--port", "0"], ["db", "upgrade"], ["doctor"]])
def test_a_data_folder_that_is_a_file_is_reported(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "data").write_text("a file")

    assert is_remedied(Limner(tmp_path / "data")(*command), str(tmp_path / "data"))


def test_help_and_version_are_there(limner: Limner) -> None:
    helps = [
        subprocess.run([sys.executable, "-m", "limner", *words], capture_output=True, text=True, check=False)
        for words in (["--help"], ["generate", "--help"], ["--version"])
    ]

    assert [ran.returncode for ran in helps] == [0, 0, 0]
    assert "generate" in helps[0].stdout
    assert helps[2].stdout.startswith("limner 0.")
    assert not limner.data.exists()


def test_an_unknown_command_ends_with_a_hint(limner: Limner) -> None:
    assert is_remedied(limner("genrate"), "No such command")
