import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from limner.cli.task.output import STDOUT, check_output, save
from limner.domain.digital_source import DigitalSource
from limner.domain.refusal import Refusal
from limner.marking.xmp import Mark


@pytest.fixture
def transparent(tmp_path: Path) -> Path:
    Image.new("RGBA", (8, 4), (255, 0, 0, 0)).save(tmp_path / "source.png")
    return tmp_path / "source.png"


def test_a_name_that_ends_in_jpg_gets_a_jpeg_with_white_for_transparent_parts(transparent: Path) -> None:
    target = transparent.with_name("picture.jpg")

    save(transparent, "png", target, force=False)

    with Image.open(target) as saved:
        assert (saved.format, saved.size, saved.mode) == ("JPEG", (8, 4), "RGB")
        assert saved.getpixel((0, 0)) == (255, 255, 255)


def test_a_name_of_the_same_format_gets_the_bytes_as_they_are(transparent: Path) -> None:
    for name in ("picture.png", "PICTURE.PNG", "picture"):
        save(transparent, "png", transparent.with_name(name), force=False)

        assert transparent.with_name(name).read_bytes() == transparent.read_bytes()


def test_a_name_that_ends_in_webp_gets_a_lossless_webp(transparent: Path) -> None:
    save(transparent, "png", transparent.with_name("picture.webp"), force=False)

    with Image.open(transparent.with_name("picture.webp")) as saved:
        assert saved.format == "WEBP"
        assert saved.convert("RGBA").getpixel((0, 0))[3] == 0


def test_standard_output_gets_the_bytes(transparent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))

    save(transparent, "png", STDOUT, force=False)

    assert written.getvalue() == transparent.read_bytes()


def test_an_existing_file_stays_without_force(transparent: Path) -> None:
    there = transparent.with_name("there.png")
    there.write_bytes(b"mine")

    with pytest.raises(Refusal, match=r"there\.png exists"):
        save(transparent, "png", there, force=False)
    kept = there.read_bytes()
    save(transparent, "png", there, force=True)

    assert kept == b"mine"
    assert there.read_bytes() == transparent.read_bytes()


def test_a_picture_that_cannot_be_converted_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "source.png").write_bytes(b"no picture")

    with pytest.raises(Refusal, match="could not be written"):
        save(tmp_path / "source.png", "png", tmp_path / "picture.jpg", force=False)

    assert [each.name for each in tmp_path.iterdir()] == ["source.png"]


def test_what_cannot_be_saved_to_is_refused_before(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for output, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "picture.gif", r"not saved as \.gif"),
        (tmp_path / "file" / "picture.png", "nothing can be saved"),
        (tmp_path / "file", "exists"),
    ):
        with pytest.raises(Refusal, match=words):
            check_output(output, force=False)


def test_what_can_be_saved_to_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for output in (None, STDOUT, tmp_path / "new" / "picture.jpeg", tmp_path / "without-extension"):
        check_output(output, force=False)

    assert [each.name for each in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture.webp"])
def test_a_saved_picture_says_how_it_was_made(transparent: Path, name: str) -> None:
    save(transparent, "png", transparent.with_name(name), force=False, mark=Mark(DigitalSource.GENERATED, "a model"))

    with Image.open(transparent.with_name(name)) as saved:
        saved.load()
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in transparent.with_name(name).read_bytes()
