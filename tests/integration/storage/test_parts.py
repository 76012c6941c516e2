"""Parts of unfinished uploads, in a folder and in an object store."""

import asyncio
import time
from pathlib import Path

import pytest

from integration.storage.conftest import Place
from limner.domain.ids import UploadToken
from limner.ports.parts import MultipartUpload, PartMissing
from limner.storage.parts import ObjectParts, open_parts


@pytest.fixture
def parts(place: Place) -> ObjectParts:
    return open_parts(place.url)


@pytest.fixture
def assembly() -> MultipartUpload:
    return MultipartUpload(UploadToken("00000000-0000-4000-8000-000000000001"), "a" * 32)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"some bytes")
    return path


async def read(parts: ObjectParts, assembly: MultipartUpload, number: int) -> bytes:
    return b"".join([piece async for piece in parts.stream(assembly, number)])


async def test_what_was_put_is_there_by_its_number(parts: ObjectParts, assembly: MultipartUpload, source: Path) -> None:
    await parts.begin(assembly)
    await asyncio.gather(*(parts.put(assembly, number, source) for number in (10_000, 2, 1)))

    assert list((await parts.sizes(assembly)).items()) == [(1, 10), (2, 10), (10_000, 10)]
    assert await read(parts, assembly, 10_000) == b"some bytes"


async def test_the_last_part_of_a_number_counts(parts: ObjectParts, assembly: MultipartUpload, source: Path) -> None:
    await parts.begin(assembly)
    await parts.put(assembly, 1, source)
    await asyncio.to_thread(source.write_bytes, b"others")

    await parts.put(assembly, 1, source)

    assert await parts.sizes(assembly) == {1: 6}
    assert await read(parts, assembly, 1) == b"others"


async def test_what_was_begun_is_held_until_it_is_dropped(
    parts: ObjectParts, assembly: MultipartUpload, source: Path
) -> None:
    assert not await parts.holds(assembly)
    await parts.begin(assembly)
    await parts.put(assembly, 1, source)
    assert await parts.holds(assembly)

    await parts.drop(assembly)

    assert not await parts.holds(assembly)
    assert await parts.sizes(assembly) == {}
    with pytest.raises(PartMissing):
        await read(parts, assembly, 1)


async def test_dropping_nothing_is_no_fault(parts: ObjectParts, assembly: MultipartUpload) -> None:
    await parts.drop(assembly)

    assert not await parts.holds(assembly)


async def test_uploads_are_apart(parts: ObjectParts, assembly: MultipartUpload, source: Path) -> None:
    others = [
        MultipartUpload(assembly.token, "b" * 32),
        MultipartUpload(UploadToken("00000000-0000-4000-8000-000000000002"), assembly.id),
    ]
    for each in (assembly, *others):
        await parts.begin(each)
        await parts.put(each, 1, source)

    await parts.drop(assembly)

    assert [await parts.holds(each) for each in others] == [True, True]
    assert [await parts.sizes(each) for each in others] == [{1: 10}, {1: 10}]


async def test_what_is_old_is_reclaimed(parts: ObjectParts, assembly: MultipartUpload, source: Path) -> None:
    await parts.begin(assembly)
    await parts.put(assembly, 1, source)
    now_ms = time.time_ns() // 1_000_000

    younger = await parts.reclaim(now_ms - 60_000)
    assert await parts.holds(assembly)
    older = await parts.reclaim(now_ms + 60_000)

    assert (younger, older) == (0, 2)
    assert not await parts.holds(assembly)


async def test_nothing_is_left_in_a_folder(assembly: MultipartUpload, source: Path, tmp_path: Path) -> None:
    parts = open_parts(f"file://{tmp_path / 'blobs'}")
    await parts.begin(assembly)
    await parts.put(assembly, 1, source)

    await parts.drop(assembly)

    assert list((tmp_path / "blobs").iterdir()) == []


async def test_what_a_dead_writer_left_half_written_is_reclaimed(
    assembly: MultipartUpload, source: Path, tmp_path: Path
) -> None:
    parts = open_parts(f"file://{tmp_path / 'blobs'}")
    await parts.begin(assembly)
    half = tmp_path / "blobs" / "parts" / assembly.token / assembly.id / "00001#1"
    half.write_bytes(source.read_bytes())
    now_ms = time.time_ns() // 1_000_000

    assert await parts.reclaim(now_ms - 60_000) == 0
    assert await parts.reclaim(now_ms + 60_000) == 2
    assert not half.exists()
