"""A stored blob and its directory entries are fsynced before `put` returns."""

import os
from pathlib import Path

import pytest

from limner.domain.ids import BlobId
from limner.storage.blobs import ObjectBlobs, open_blobs


@pytest.fixture
def fsynced(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of all files and folders that were fsynced."""
    paths: set[str] = set()

    def fsync(descriptor: int) -> None:
        paths.add(Path(f"/proc/self/fd/{descriptor}").readlink().name)

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


def names(blob: BlobId) -> set[str]:
    return {"blobs", "sha256", blob[:2], blob}


async def test_put_fsyncs_the_file_and_its_folders(blobs: ObjectBlobs, source: Path, fsynced: set[str]) -> None:
    stored = await blobs.identify(source)

    await blobs.put(source, stored)

    assert fsynced == names(stored.blob)


async def test_put_fsyncs_a_file_that_exists_because_its_writer_may_have_died_before(
    blobs: ObjectBlobs, source: Path, fsynced: set[str]
) -> None:
    stored = await blobs.identify(source)
    await blobs.put(source, stored)
    fsynced.clear()

    await blobs.put(source, stored)

    assert fsynced == names(stored.blob)
