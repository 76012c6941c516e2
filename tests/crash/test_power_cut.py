"""A stored blob and its directory entries are fsynced before `put` returns."""

import errno
import os
from pathlib import Path

import pytest

from limner.domain.ids import BlobId
from limner.ports.blobs import BlobMissing, StorageRefuses
from limner.storage.blobs import ObjectBlobs, open_blobs


@pytest.fixture
def fsynced(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of all files and folders that were fsynced; a file that is being written has its name before a `#`."""
    paths: set[str] = set()

    def fsync(descriptor: int) -> None:
        paths.add(Path(f"/proc/self/fd/{descriptor}").readlink().name.partition("#")[0])

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "picture"
    path.write_bytes(b"a picture")
    return path


@pytest.fixture
def blobs(tmp_path: Path) -> ObjectBlobs:
    return open_blobs(f"file://{tmp_path / 'blobs'}")


@pytest.fixture
def blobs_of_another_process(tmp_path: Path) -> ObjectBlobs:
    return open_blobs(f"file://{tmp_path / 'blobs'}")


def names(blob: BlobId) -> set[str]:
    return {"blobs", "sha256", blob[:2], blob}


@pytest.mark.parametrize("owned", [False, True])
async def test_put_fsyncs_the_file_and_its_folders(
    blobs: ObjectBlobs, source: Path, fsynced: set[str], *, owned: bool
) -> None:
    stored = await blobs.identify(source)

    await blobs.put(source, stored, owned=owned)

    assert fsynced == names(stored.blob)


async def test_put_fsyncs_a_file_that_exists_because_its_writer_may_have_died_before(
    blobs: ObjectBlobs, blobs_of_another_process: ObjectBlobs, source: Path, fsynced: set[str]
) -> None:
    stored = await blobs.identify(source)
    await blobs.put(source, stored)
    fsynced.clear()

    await blobs_of_another_process.put(source, stored)

    assert fsynced == names(stored.blob)


@pytest.mark.parametrize("owned", [False, True])
async def test_a_file_gets_its_name_only_when_it_is_on_disk(
    blobs: ObjectBlobs, source: Path, monkeypatch: pytest.MonkeyPatch, *, owned: bool
) -> None:
    stored = await blobs.identify(source)
    monkeypatch.setattr(os, "fsync", _fails)

    with pytest.raises(StorageRefuses):
        await blobs.put(source, stored, owned=owned)

    with pytest.raises(BlobMissing):
        await blobs.size(stored.blob)


def _fails(_descriptor: int) -> None:
    raise OSError(errno.EIO, "the disk fails")


@pytest.mark.parametrize("owned", [False, True])
async def test_only_a_file_that_is_given_away_shares_its_bytes_with_the_store(
    blobs: ObjectBlobs, source: Path, *, owned: bool
) -> None:
    stored = await blobs.identify(source)

    await blobs.put(source, stored, owned=owned)

    assert (await blobs.local(stored.blob, source.parent)).samefile(source) is owned


async def test_a_file_of_another_file_system_is_copied(
    blobs: ObjectBlobs, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_source: Path, _target: Path) -> None:
        raise OSError(errno.EXDEV, "another file system")

    stored = await blobs.identify(source)
    monkeypatch.setattr(os, "link", refused)

    await blobs.put(source, stored, owned=True)

    kept = await blobs.local(stored.blob, source.parent)
    assert (kept.read_bytes(), kept.samefile(source)) == (b"a picture", False)
