"""Says which of the locked versions have known weaknesses.

    .venv/bin/python scripts/audit.py                              ask the package index: `make audit`
    .venv/bin/python scripts/audit.py --advisories FOLDER          read a clone of github.com/pypa/advisory-database

All locks of requirements/ are read, or those that are named. Not every mirror of the index passes the question on: a
version that nobody said anything about is not audited, and that is an error. The clone answers without a network, as of
its newest advisory.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from locked_versions import locked_versions
from packaging.version import Version

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
PIP_AUDIT = (Path(sys.prefix) / "bin" / "uv", "tool", "run", "--quiet", "pip-audit", "--format", "json")

Pin = tuple[str, str]
Weak = dict[Pin, list[str]]

WEAK = 1
NOT_AUDITED = 2


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--advisories", type=Path, help="a clone of the advisory database")
    options.add_argument("locks", nargs="*", type=Path, help="left out: all of requirements/")
    chosen = options.parse_args()
    wanted = pins(chosen.locks or sorted(REQUIREMENTS.rglob("*.txt")))
    if chosen.advisories:
        weak, unknown = read_advisories(chosen.advisories, wanted), set()
        print(f"The newest advisory of this copy is of {newest(chosen.advisories)}: what came later is not in it.")
    else:
        weak, unknown = ask_the_index(wanted)
    sys.exit(report(wanted, weak, unknown))


def pins(locks: Iterable[Path]) -> dict[Pin, list[str]]:
    """Each version, with the locks that have it."""
    found: dict[Pin, list[str]] = {}
    for lock in locks:
        for name, version in {each[:2] for each in locked_versions(lock)}:
            found.setdefault((name, version), []).append(lock.name)
    return found


def report(wanted: Mapping[Pin, list[str]], weak: Weak, unknown: set[Pin]) -> int:
    for (name, version), weaknesses in sorted(weak.items()):
        locks = ", ".join(wanted[name, version])
        print(f"{name} {version} ({locks}): {'; '.join(weaknesses)}")
    if weak:
        return WEAK
    if unknown:
        named = ", ".join(sorted(f"{name} {version}" for name, version in unknown)[:3])
        print(f"audit: nobody said anything about {len(unknown)} of {len(wanted)} versions, such as {named}.")
        print("audit: point pip at an index that passes advisories on, or give --advisories FOLDER.")
        return NOT_AUDITED
    print(f"None of {len(wanted)} versions has a weakness that is known.")
    return 0


def ask_the_index(wanted: Iterable[Pin]) -> tuple[Weak, set[Pin]]:
    answers = [each for asked in rounds(wanted) for each in _answers(asked)]
    weak = {
        (each["name"], each["version"]): [
            f"{found['id']} (fixed in {found['fix_versions']})" for found in each["vulns"]
        ]
        for each in answers
        if each.get("vulns")
    }
    told = {(each["name"], each["version"]) for each in answers if "vulns" in each}
    return weak, set(wanted) - told


def rounds(wanted: Iterable[Pin]) -> Iterator[list[Pin]]:
    """A question has one version of each package."""
    left = sorted(wanted)
    while left:
        asked = {name: (name, version) for name, version in left}
        yield list(asked.values())
        left = [pin for pin in left if pin not in asked.values()]


def _answers(asked: Iterable[Pin]) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{name}=={version}\n" for name, version in asked))
        file.flush()
        command = [*PIP_AUDIT, "--disable-pip", "--no-deps", "--requirement", file.name]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(done.stderr[-1000:], file=sys.stderr)
        return []
    return found


def read_advisories(clone: Path, wanted: Iterable[Pin]) -> Weak:
    weak: Weak = {}
    for name, version in wanted:
        for file in sorted((clone / "vulns" / name).glob("*.yaml")):
            advisory = yaml.safe_load(file.read_text())
            if not advisory.get("withdrawn") and any(affects(each, name, version) for each in advisory["affected"]):
                weak.setdefault((name, version), []).append(" ".join([advisory["id"], *advisory.get("aliases", [])]))
    return weak


def affects(affected: Mapping[str, Any], name: str, version: str) -> bool:
    if re.sub(r"[-_.]+", "-", affected["package"]["name"]).lower() != name:
        return False
    ranges = [each["events"] for each in affected.get("ranges", []) if each["type"] == "ECOSYSTEM"]
    return version in affected.get("versions", []) or any(_within(events, Version(version)) for events in ranges)


def _within(events: Iterable[Mapping[str, str]], version: Version) -> bool:
    """Events stand in the order of versions."""
    inside = False
    for event in events:
        ((kind, text),) = event.items()
        bound = Version(text)
        if kind == "introduced":
            inside = inside or version >= bound
        else:
            inside = inside and (version <= bound if kind == "last_affected" else version < bound)
    return inside


def newest(clone: Path) -> str:
    """The day on which the newest advisory was published."""
    texts = (file.read_text() for file in (clone / "vulns").glob("*/*.yaml"))
    days = [found[1] for text in texts if (found := re.search(r'^published: "?(\d{4}-\d\d-\d\d)', text, re.MULTILINE))]
    return max(days, default="an unknown day")


if __name__ == "__main__":
    main()
