"""Parts of multipart uploads that are not complete."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from limner.domain.ids import UploadToken


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """One multipart upload to the object of `token`. It has an id, as there may be several for one object."""

    token: UploadToken
    id: str


class PartMissing(LookupError):
    """The part of this number does not exist."""


class UploadParts(Protocol):
    """Storage of parts until they are assembled, shared by all machines that share the picture store."""

    async def begin(self, assembly: MultipartUpload) -> None: ...

    async def holds(self, assembly: MultipartUpload) -> bool:
        """Whether the upload was begun, and neither dropped nor reclaimed since."""
        ...

    async def put(self, assembly: MultipartUpload, number: int, source: Path) -> None:
        """Store a copy of the file as this part, replacing an earlier one."""
        ...

    async def sizes(self, assembly: MultipartUpload) -> Mapping[int, int]:
        """The size in bytes of each part by number, in order."""
        ...

    def stream(self, assembly: MultipartUpload, number: int) -> AsyncIterator[bytes]:
        """A part's bytes, in pieces; raises `PartMissing`."""
        ...

    async def drop(self, assembly: MultipartUpload) -> None:
        """Delete the upload with all its parts, existing or not."""
        ...

    async def reclaim(self, before_ms: int) -> int:
        """Delete parts written before `before_ms` and never assembled; returns how many files."""
        ...
