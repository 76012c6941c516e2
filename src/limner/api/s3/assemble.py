"""Assembles the parts of a multipart upload into one file."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from limner.api.s3 import checksums
from limner.api.s3.documents import NamedPart
from limner.api.s3.errors import S3Error
from limner.api.s3.receive import MAX_OBJECT_BYTES, too_large
from limner.ports.parts import MultipartUpload, PartMissing, UploadParts
from limner.threads import closing_in_thread, in_thread

MIN_PART_BYTES = 5 * 1024 * 1024
"""Minimum size of every part but the last, as on S3."""


async def assemble(
    parts: UploadParts, assembly: MultipartUpload, named: Sequence[NamedPart], expected: Mapping[str, str], path: Path
) -> None:
    """Concatenate the named parts into `path`.

    `expected` are the checksums of the object, by algorithm. Raises `S3Error` for a missing or different part, a wrong
    checksum, and an object over the size limit.
    """
    check_sizes(await parts.sizes(assembly), named)
    async with closing_in_thread(_AssembledFile, path, expected) as assembled:
        for part in named:
            await in_thread(assembled.begin, part)
            await _add(assembled, parts.stream(assembly, part.number), part.number)
            assembled.end(part)
        await in_thread(assembled.finish)


async def _add(assembled: "_AssembledFile", pieces: AsyncIterator[bytes], number: int) -> None:
    try:
        async for piece in pieces:
            await in_thread(assembled.add, piece)
    except PartMissing:
        raise _part_missing(number) from None


def check_sizes(sizes: Mapping[int, int], named: Sequence[NamedPart]) -> None:
    for part in named:
        if part.number not in sizes:
            raise _part_missing(part.number)
    if any(sizes[part.number] < MIN_PART_BYTES for part in named[:-1]):
        raise S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size: 5 MiB a part.")
    if sum(sizes[part.number] for part in named) > MAX_OBJECT_BYTES:
        raise too_large()


def etag_of(named: Sequence[NamedPart]) -> str:
    """The ETag of an object made of these parts: the MD5 of their MD5s, and their number."""
    try:
        digests = b"".join(bytes.fromhex(part.etag) for part in named)
    except ValueError:
        raise S3Error("InvalidPart", "An entity tag in the list is not the entity tag of an uploaded part.") from None
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(named)}"


class _AssembledFile:
    """The output file and its digests. All methods but `end` block: call them in a thread."""

    def __init__(self, path: Path, expected: Mapping[str, str]) -> None:
        self._file = path.open("wb")
        self._expected = expected
        self._digests = checksums.start(expected.keys())
        self._of_parts: dict[str, list[bytes]] = {name: [] for name in expected}
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._of_part: dict[str, checksums.Digest] = {}

    def begin(self, part: NamedPart) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._of_part = checksums.start(self._expected.keys() | part.checksums.keys())

    def add(self, piece: bytes) -> None:
        for digest in (self._md5, *self._digests.values(), *self._of_part.values()):
            digest.update(piece)
        self._file.write(piece)

    def end(self, part: NamedPart) -> None:
        found = {name: digest.digest() for name, digest in self._of_part.items()}
        kept = all(value == checksums.base64_of(found[name]) for name, value in part.checksums.items())
        if not kept or part.etag.lower() != self._md5.hexdigest():
            raise _part_missing(part.number)
        for name, digests in self._of_parts.items():
            digests.append(found[name])

    def close(self) -> None:
        self._file.close()

    def finish(self) -> None:
        """Check the expected checksums: `…-N` is over the checksums of N parts, any other over all bytes."""
        self._file.flush()
        for name, value in self._expected.items():
            plain = checksums.base64_of(self._digests[name].digest())
            if value not in {plain, self._composite(name)}:
                raise S3Error("BadDigest", f"The {name.upper()} you specified did not match the calculated checksum.")

    def _composite(self, name: str) -> str:
        digest = checksums.ALGORITHMS[name]()
        digest.update(b"".join(self._of_parts[name]))
        return f"{checksums.base64_of(digest.digest())}-{len(self._of_parts[name])}"


def _part_missing(number: int) -> S3Error:
    return S3Error(
        "InvalidPart",
        f"Part {number} could not be found: it was not uploaded, or its entity tag or checksum is not the one named.",
    )
