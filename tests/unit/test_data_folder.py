"""What a first start makes in the data folder."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from limner.bootstrap import SecretTooShort, prepare_data, read_secret
from limner.settings import Settings
from limner.storage.blobs import open_blobs
from limner.storage.new_file import create_file


def test_a_new_data_folder_and_its_secret_are_their_owners_alone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "new" / "data")
    prepare_data(settings)
    read_secret(settings)

    assert settings.data.stat().st_mode & 0o077 == 0
    assert (settings.data / "secret").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["50% done", "100%20", "what?", "a#b", "a&b=c?d=%2F"])
def test_a_path_with_special_characters_is_used_as_it_is(tmp_path: Path, name: str) -> None:
    settings = Settings(data=tmp_path / name)
    prepare_data(settings)
    read_secret(settings)
    open_blobs(settings.resolved_storage_url)

    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert {"limner.db", "blobs", "secret"} <= {each.name for each in (tmp_path / name).iterdir()}


def test_a_folder_that_was_there_stays_as_its_owner_wants_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o750)
    prepare_data(Settings(data=tmp_path / "data"))

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o750


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(OSError, match=r"the data folder .*/file/data cannot be made or used: Not a directory"):
        prepare_data(Settings(data=tmp_path / "file" / "data"))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so that permissions alone would prove nothing where the tests run as root."""
    mkdir = Path.mkdir

    def refused(path: Path, *arguments: int, **options: bool) -> None:
        if path.name == "scratch":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", refused)

    with pytest.raises(OSError, match=f"the data folder {tmp_path} cannot be made or used: Permission denied"):
        prepare_data(Settings(data=tmp_path))


@pytest.mark.parametrize("content", [b"", b"cut off"])
def test_a_secret_that_was_cut_off_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)

    with pytest.raises(SecretTooShort, match="restore the file from a backup, or remove it"):
        read_secret(Settings(data=tmp_path))


def test_of_many_first_starts_at_once_one_makes_the_secret(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def first_start() -> bytes:
        together.wait(20)
        return read_secret(Settings(data=tmp_path))

    with ThreadPoolExecutor(8) as starts:
        secrets = {each.result() for each in [starts.submit(first_start) for _ in range(8)]}

    assert secrets == {(tmp_path / "secret").read_bytes()}
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_start_that_is_killed_while_it_writes_the_secret_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as a reader can see: the file gets its name when its content is on the disk."""
    seen: list[bool] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        seen.append((tmp_path / "secret").exists())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)

    read_secret(Settings(data=tmp_path))

    assert seen[0] is False


@pytest.mark.parametrize("there", [True, False])
def test_a_file_system_without_hard_links_has_a_secret_too(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: bool,  # noqa: FBT001
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    if there:
        (tmp_path / "file").write_bytes(b"earlier")

    created = create_file(tmp_path / "file", b"new")

    assert created is not there
    assert (tmp_path / "file").read_bytes() == (b"earlier" if there else b"new")
