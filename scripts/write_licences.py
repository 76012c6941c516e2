"""Writes requirements/licences.json: the licence that each locked package names which `make test` does not install.

    .venv/bin/python scripts/write_licences.py

Wheels of new ones are downloaded for it, never installed or run. tests/architecture/test_supply.py reads the others from the
environment, and compares both with the licences that may be there.
"""

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from locked_versions import locked_versions

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
KEPT = REQUIREMENTS / "licences.json"
_PREFIX = "License :: OSI Approved :: "


def main() -> None:
    known: dict[str, str] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    elsewhere = not_installed_by_tests()
    wanted = sorted(elsewhere - known.keys())
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        for pin in wanted:  # one after another: two versions of a package are in two locks
            subprocess.run([*command, pin], check=True)
        found = {pin: named_by(metadata) for metadata in _metadata(Path(folder)) if (pin := pin_of(metadata)) in wanted}
    kept = {pin: licence for pin, licence in (known | found).items() if pin in elsewhere}
    KEPT.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n")
    sys.exit(f"no licence was found for {missing}" if (missing := set(wanted) - found.keys()) else None)


def not_installed_by_tests() -> set[str]:
    locks = [path for path in REQUIREMENTS.rglob("*.txt") if path.name != "dev.txt"]
    return set().union(*map(pins, locks)) - pins(REQUIREMENTS / "dev.txt")


def pins(lock: Path) -> set[str]:
    return {f"{each.name}=={each.version}" for each in locked_versions(lock)}


def pin_of(metadata: Message) -> str:
    return f"{re.sub(r'[-_.]+', '-', metadata['Name']).lower()}=={metadata['Version']}"


def named_by(metadata: Message) -> str:
    """An expression, or the classifiers, or the free text's first line: the first that the package has."""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classes = [each.removeprefix(_PREFIX) for each in metadata.get_all("Classifier", []) if each.startswith(_PREFIX)]
    return " AND ".join(classes) or str(metadata["License"] or "none named").partition("\n")[0]


def _metadata(folder: Path) -> Iterator[Message]:
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (each for each in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", each))
            yield message_from_bytes(archive.read(name))


if __name__ == "__main__":
    main()
