"""What is kept is on the disk, names and all, before anybody hears that it is kept."""

import os
from pathlib import Path

import pytest

from limner.domain.ids import BlobId
from limner.storage.blobs import ObjectBlobs, open_blobs


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Everything that was carried to the disk."""
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


async def test_a_kept_picture_is_on_the_disk(blobs: ObjectBlobs, source: Path, carried: set[str]) -> None:
    stored = await blobs.identify(source)

    await blobs.put(source, stored)

    assert carried == names(stored.blob)


async def test_so_is_one_that_somebody_wrote_who_may_have_died_before_it_was(
    blobs: ObjectBlobs, source: Path, carried: set[str]
) -> None:
    stored = await blobs.identify(source)
    await blobs.put(source, stored)
    carried.clear()

    await blobs.put(source, stored)

    assert carried == names(stored.blob)
