"""Port for reference images: verify, normalise, fetch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Inspected:
    """Facts of a verified picture, from its bytes alone.

    `width` and `height` are pixels as stored, before any EXIF rotation; `size` is bytes.
    `phash` is its perceptual hash, by which it is recognised, see `limner.domain.perceptual_hash`.
    """

    media_type: str
    width: int
    height: int
    size: int
    has_alpha: bool = False
    phash: bytes | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A picture ready for a vendor: upright, sRGB, within limits, no metadata. `size` is bytes."""

    media_type: str
    width: int
    height: int
    size: int


class Intake(Protocol):
    """Every method raises `Refusal` with a code, a reason and a remedy."""

    async def inspect(self, source: Path | bytes) -> Inspected:
        """Verify a file, or the bytes of a small picture, down to its last pixel row."""
        ...

    async def normalise(self, source: Path, target: Path) -> Normalised:
        """Write a clean copy of `source` to `target`."""
        ...

    def check_url(self, url: str) -> None:
        """Refuse URLs that are not public http(s) addresses, without resolving names."""
        ...

    async def fetch(self, url: str, target: Path) -> None:
        """Download `url` to `target` under the address, size and time rules."""
        ...
