from collections.abc import Callable
from pathlib import Path

import pytest

from limner.intake.image_files import ImageFiles


@pytest.fixture
def intake() -> ImageFiles:
    return ImageFiles()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write bytes to a file and give its path."""

    def write(data: bytes) -> Path:
        path = tmp_path / "reference"
        path.write_bytes(data)
        return path

    return write
