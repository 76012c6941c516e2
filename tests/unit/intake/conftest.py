from collections.abc import Callable
from pathlib import Path

import pytest

from limner.intake.image_intake import ImageIntake


@pytest.fixture
def intake() -> ImageIntake:
    return ImageIntake()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write bytes to a file and give its path."""

    def write(data: bytes) -> Path:
        path = tmp_path / "reference"
        path.write_bytes(data)
        return path

    return write
