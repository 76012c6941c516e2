"""`limner detect`: what was made here is recognised, as the vendor made it and as it was delivered."""

from pathlib import Path

import pytest
from PIL import Image

from e2e.test_cli import Limner


@pytest.fixture(scope="module")
def limner(tmp_path_factory: pytest.TempPathFactory) -> Limner:
    limner = Limner(tmp_path_factory.mktemp("detect") / "data")
    made = limner("generate", "a cat", "-o", limner.data.parent / "cat.png")
    assert made.code == 0, made.err
    return limner


def test_the_delivered_copy_and_the_stored_file_are_recognised(limner: Limner) -> None:
    [task] = limner("tasks", "list", "--json").json
    [stored] = [each for each in (limner.data / "blobs").rglob("*") if each.is_file()]
    copy, original = [limner("detect", each, "--json").json for each in (limner.data.parent / "cat.png", stored)]

    assert [each["task"] for each in (*copy["own"], *original["own"])] == [task["id"]] * 2
    assert [each["own"][0]["marked"] for each in (copy, original)] == [True, False]
    assert copy["marks"] == {
        "source": "algorithmicMedia",
        "tool": "Limner, sandbox flux.1_kontext_pro",
        "has_manifest": False,
    }


def test_a_picture_that_was_changed_is_not_claimed(limner: Limner, tmp_path: Path) -> None:
    with Image.open(limner.data.parent / "cat.png") as picture:
        picture.crop((0, 0, 100, 100)).save(tmp_path / "part.png")
    ran = limner("detect", tmp_path / "part.png")

    assert ran.out.splitlines()[1:] == [
        "Ours     not known here, by its bytes or by its look",
        "Mark     says nothing",
        "C2PA     no manifest",
    ]


def test_what_is_no_picture_is_refused(limner: Limner, tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("hello")
    refused, missing = [limner("detect", tmp_path / name) for name in ("no.png", "none.png")]

    assert (refused.code, missing.code) == (1, 2)
    assert "The file is of an unknown type" in refused.err
    assert "Traceback" not in refused.err + missing.err


def test_what_the_command_line_saves_is_signed_and_recognised(tmp_path: Path) -> None:
    limner = Limner(tmp_path / "data", (("LIMNER_SIGN_IMAGES", "true"),))
    made = limner("generate", "a cat", "-o", tmp_path / "cat.png")
    assert made.code == 0, made.err
    found = limner("detect", tmp_path / "cat.png", "--json").json
    shown = limner("detect", tmp_path / "cat.png")

    assert [each["marked"] for each in found["own"]] == [True]
    assert (found["manifest"]["state"], found["manifest"]["ours"]) == ("valid", True)
    assert "valid, signed here" in shown.out
