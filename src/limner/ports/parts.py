"""Parts of uploads that are not whole yet."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from limner.domain.ids import UploadToken


@dataclass(frozen=True, slots=True)
class MultipartUpload:
    """One upload in parts: for the object of `token`, under an id of its own, for an object may be begun twice."""

    token: UploadToken
    id: str


class PartMissing(LookupError):
    """There is no part of this number, or not any more."""


class UploadParts(Protocol):
    """Where parts lie until they are put together. All machines that share the picture store see the same."""

    async def begin(self, assembly: MultipartUpload) -> None: ...

    async def holds(self, assembly: MultipartUpload) -> bool:
        """Whether it was begun, and neither dropped nor reclaimed since."""
        ...

    async def put(self, assembly: MultipartUpload, number: int, source: Path) -> None:
        """Keep a copy of the file as this part; it takes the place of an earlier one of that number."""
        ...

    async def sizes(self, assembly: MultipartUpload) -> Mapping[int, int]:
        """How many bytes each part has, by its number, in their order."""
        ...

    def stream(self, assembly: MultipartUpload, number: int) -> AsyncIterator[bytes]:
        """A part's bytes, a piece at a time; raises `PartMissing`."""
        ...

    async def drop(self, assembly: MultipartUpload) -> None:
        """Forget the upload with all its parts, or find it gone."""
        ...

    async def reclaim(self, before_ms: int) -> int:
        """Remove what was written before then and never put together; how many files those were."""
        ...
