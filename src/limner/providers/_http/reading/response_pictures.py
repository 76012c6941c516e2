"""The pictures of one response: small ones stay in memory, others become files."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias

from limner.application.random_bits import random_bits
from limner.providers._http.limits import SMALL_BYTES

Pictures: TypeAlias = Mapping[str, str | bytes]
"""Pictures by the names that stand for them in the JSON: the path of a file, or bytes."""


class ResponsePictures:
    """The sink of a `JsonSpool`. Up to `SMALL_BYTES` of all pictures stay in memory; the rest goes to `folder`.

    The folder is made when it is needed. Files have unpredictable names.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = ""
        self._small = bytearray()
        self._file: BinaryIO | None = None
        self._left = SMALL_BYTES
        self._paths: list[str] = []
        self.found: dict[str, str | bytes] = {}

    @property
    def has_files(self) -> bool:
        return bool(self._paths)

    def begin(self) -> str:
        self.close()
        self._name = f"{random_bits(64):016x}"
        return self._name

    def write(self, data: bytes) -> None:
        if self._file is None and len(data) > self._left:
            self._open()
        if self._file is not None:
            self._file.write(data)
        else:
            self._left -= len(data)
            self._small += data

    def end(self) -> None:
        """End the picture that was begun last: from now on it is `found`, and whole."""
        self.close()

    def close(self) -> None:
        """Close the picture that was begun last, whole or not."""
        if self._file is not None:
            self._file.close()
            self._file = None
        elif self._name:
            self.found[self._name] = bytes(self._small)
        self._small.clear()
        self._name = ""

    def remove(self) -> None:
        """Remove what was written."""
        self.close()
        for path in self._paths:
            Path(path).unlink(missing_ok=True)

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(prefix="answer-", dir=self._folder)
        self._file = os.fdopen(descriptor, "wb")
        self._paths.append(path)
        self.found[self._name] = path
        self._file.write(self._small)
