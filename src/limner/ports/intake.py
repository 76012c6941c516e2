"""Reference images as the inside wants them: checked, upright, and with nothing in them but the picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a verified picture is, read from its bytes alone.

    `width` and `height` are pixels as stored, before any EXIF rotation; `size` is bytes.
    """

    media_type: str
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True)
class Normalised:
    """A picture fit to leave the house: upright, sRGB, within limits, no metadata. `size` is bytes."""

    media_type: str
    width: int
    height: int
    size: int


class Intake(Protocol):
    """The door for reference images. Every method raises `Refusal` with a code, a reason and a remedy."""

    def inspect(self, source: Path) -> Inspected:
        """Verify the file at `source` down to its last pixel row. Blocking: call it in a thread."""
        ...

    def normalise(self, source: Path, target: Path) -> Normalised:
        """Write a clean copy of `source` to `target`. Blocking: call it in a thread."""
        ...

    def check_url(self, url: str) -> None:
        """Refuse what cannot be a public http(s) address by its looks; nothing is looked up."""
        ...

    async def fetch(self, url: str, target: Path) -> None:
        """Download `url` to `target` under the address, size and time rules."""
        ...
