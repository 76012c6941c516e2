"""Reads the locks of requirements/."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PINNED = re.compile(r"^([a-z0-9][\w.-]*)==([^ \\\n]+)(?: ; ([^\\\n]+))?", re.MULTILINE)


class Locked(NamedTuple):
    """A package of a lock, and where it is installed: an environment marker, or nothing for everywhere."""

    name: str
    version: str
    marker: str


def locked_versions(lock: Path) -> Iterator[Locked]:
    """What a lock holds; a package stands there once for each version that it has in some environment."""
    return (Locked(name, version, marker.strip()) for name, version, marker in _PINNED.findall(lock.read_text()))
