"""Verification and normalisation of image files. Everything here blocks: call it in a thread."""

from pathlib import Path

from limner.intake.admit import admit
from limner.intake.limits import ImageLimits
from limner.ports.intake import Inspected, Normalised


class ImageFiles:
    """Pillow is imported on first use. Safe to use from several threads."""

    def __init__(self, limits: ImageLimits = ImageLimits()) -> None:  # noqa: B008 - a frozen value
        self._limits = limits

    def pixels(self, source: Path) -> int:
        """Width times height, from the header. Raises `Refusal` for a file that must not be decoded."""
        header = admit(source, self._limits).header
        return header.width * header.height

    def inspect(self, source: Path) -> Inspected:
        """Verify the file at `source` down to its last pixel row."""
        from limner.intake.decode.verify import verify  # noqa: PLC0415 - brings Pillow

        return verify(admit(source, self._limits), self._limits)

    def normalise(self, source: Path, target: Path) -> Normalised:
        """Write a clean copy of `source` to `target`."""
        from limner.intake.decode.normalise import normalise  # noqa: PLC0415 - brings Pillow

        return normalise(admit(source, self._limits), target, self._limits)
