"""Putting parts together into one file."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from limner.api.s3 import checksums
from limner.api.s3.documents import NamedPart
from limner.api.s3.errors import S3Error
from limner.api.s3.receive import LARGEST, too_large
from limner.ports.parts import MultipartUpload, PartMissing, UploadParts

SMALLEST = 5 * 1024 * 1024
"""Only the last part may be smaller, as on S3."""


async def assemble(
    parts: UploadParts, assembly: MultipartUpload, named: Sequence[NamedPart], said: Mapping[str, str], path: Path
) -> None:
    """Write the named parts one behind the other into `path`.

    `said` are the checksums that the whole must have. Raises `S3Error` for a part that is not there or not the one that
    was named, and for a whole that is too large.
    """
    check_sizes(await parts.sizes(assembly), named)
    whole = await asyncio.to_thread(_Whole, path, said)
    try:
        for part in named:
            await asyncio.to_thread(whole.begin, part)
            await _add(whole, parts.stream(assembly, part.number), part.number)
            whole.end(part)
        await asyncio.to_thread(whole.finish)
    finally:
        await asyncio.to_thread(whole.close)


async def _add(whole: "_Whole", pieces: AsyncIterator[bytes], number: int) -> None:
    try:
        async for piece in pieces:
            await asyncio.to_thread(whole.add, piece)
    except PartMissing:
        raise _not_there(number) from None


def check_sizes(sizes: Mapping[int, int], named: Sequence[NamedPart]) -> None:
    for part in named:
        if part.number not in sizes:
            raise _not_there(part.number)
    if any(sizes[part.number] < SMALLEST for part in named[:-1]):
        raise S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size: 5 MiB a part.")
    if sum(sizes[part.number] for part in named) > LARGEST:
        raise too_large()


def etag_of(named: Sequence[NamedPart]) -> str:
    """What S3 calls an object of these parts."""
    try:
        digests = b"".join(bytes.fromhex(part.etag) for part in named)
    except ValueError:
        raise S3Error("InvalidPart", "An entity tag in the list is none that a part was answered with.") from None
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(named)}"


class _Whole:
    """The file as it grows. All but `end` block: call them in a thread."""

    def __init__(self, path: Path, said: Mapping[str, str]) -> None:
        self._file = path.open("wb")
        self._said = said
        self._digests = checksums.start(said.keys())
        self._of_parts: dict[str, list[bytes]] = {name: [] for name in said}
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._of_part: dict[str, checksums.Digest] = {}

    def begin(self, part: NamedPart) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._of_part = checksums.start(self._said.keys() | part.checksums.keys())

    def add(self, piece: bytes) -> None:
        for digest in (self._md5, *self._digests.values(), *self._of_part.values()):
            digest.update(piece)
        self._file.write(piece)

    def end(self, part: NamedPart) -> None:
        found = {name: digest.digest() for name, digest in self._of_part.items()}
        kept = all(value == checksums.spelled(found[name]) for name, value in part.checksums.items())
        if not kept or part.etag.lower() != self._md5.hexdigest():
            raise _not_there(part.number)
        for name, digests in self._of_parts.items():
            digests.append(found[name])

    def close(self) -> None:
        self._file.close()

    def finish(self) -> None:
        """A checksum `…-N` is that of the checksums of N parts; one without is of all the bytes."""
        self._file.flush()
        for name, value in self._said.items():
            plain = checksums.spelled(self._digests[name].digest())
            if value not in {plain, self._composite(name)}:
                raise S3Error("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")

    def _composite(self, name: str) -> str:
        digest = checksums.ALGORITHMS[name]()
        digest.update(b"".join(self._of_parts[name]))
        return f"{checksums.spelled(digest.digest())}-{len(self._of_parts[name])}"


def _not_there(number: int) -> S3Error:
    return S3Error(
        "InvalidPart",
        f"Part {number} could not be found: it was not uploaded, or its entity tag or checksum is not the one named.",
    )
