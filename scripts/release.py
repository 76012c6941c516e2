"""Builds what a release publishes, checks and signs it, and stops: publishing is a command of its own, which it prints.

    .venv/bin/python scripts/release.py --key ~/.ssh/release_key
    .venv/bin/python scripts/release.py --rehearse     whatever the state of the checkout, unsigned

dist/ then holds wheels, source archives, a bill of materials (CycloneDX), and SHA256SUMS with its signature.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = (ROOT, *sorted((ROOT / "packages").iterdir()))
DIST = ROOT / "dist"
PINNED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ ;\\]+)", re.MULTILINE)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--key", type=Path, help="SSH key to sign with")
    options.add_argument("--rehearse", action="store_true", help="release whatever is here, unsigned")
    chosen = options.parse_args()
    version = the_version()
    if not chosen.rehearse:
        faults = [*faults_of_checkout(version), *([] if chosen.key else ["no --key to sign with"])]
        if faults:
            sys.exit("Not released:\n  " + "\n  ".join(faults))
    shutil.rmtree(DIST, ignore_errors=True)
    build(DIST)
    check_second_build()
    (DIST / f"limner-{version}.cdx.json").write_text(json.dumps(bill_of_materials(version), indent=2) + "\n")
    sums = write_sums()
    if chosen.key:
        sign(sums, chosen.key)
    print(sums.read_text(), end="")
    print("\nNothing is published. To publish what was built:\n\n    uv publish dist/*.whl dist/*.tar.gz")


def the_version() -> str:
    """The version of all packages. They are released together."""
    versions = {tomllib.loads((each / "pyproject.toml").read_text())["project"]["version"] for each in PROJECTS}
    if len(versions) != 1:
        sys.exit(f"The packages have different versions: {', '.join(sorted(versions))}")
    return str(versions.pop())


def faults_of_checkout(version: str) -> Iterator[str]:
    if output("git", "status", "--porcelain"):
        yield "there are uncommitted changes"
    if f"v{version}" not in output("git", "tag", "--points-at", "HEAD").split():
        yield f"this commit has no tag v{version}"
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE):
        yield f"CHANGELOG.md has no section with a date for {version}"


def build(folder: Path) -> None:
    for project in PROJECTS:
        command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
        subprocess.run(command, cwd=project, check=True, capture_output=True)


def check_second_build() -> None:
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        again = {path.name: sha256(path) for path in Path(folder).iterdir()}
    if again != {path.name: sha256(path) for path in DIST.iterdir()}:
        sys.exit("Not released: a second build has other bytes")


def bill_of_materials(version: str) -> dict[str, Any]:
    """What `requirements/run.txt` pins, in CycloneDX 1.5. Its serial number follows from its content."""
    pinned = PINNED.findall((ROOT / "requirements" / "run.txt").read_text())
    components = [component(name, pin) for name, pin in pinned]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components))}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "limner", "name": "limner", "version": version}},
        "components": components,
    }


def component(name: str, version: str) -> dict[str, Any]:
    address = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address, **licence(name)}


def licence(name: str) -> dict[str, Any]:
    """The licence of an installed package, where it states one as an SPDX expression."""
    try:
        expression = metadata(name).get("License-Expression")
    except PackageNotFoundError:  # not for this platform
        expression = None
    return {"licenses": [{"expression": expression}]} if expression else {}


def write_sums() -> Path:
    sums = DIST / "SHA256SUMS"
    sums.write_text("".join(f"{sha256(path)}  {path.name}\n" for path in sorted(DIST.iterdir())))
    return sums


def sign(sums: Path, key: Path) -> None:
    """Sign, and check the signature: a wrong passphrase or an agent's other key is noticed here."""
    subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-n", "limner", "-f", str(key), str(sums)], check=True)
    check = ["ssh-keygen", "-Y", "check-novalidate", "-n", "limner", "-s", f"{sums}.sig"]
    subprocess.run(check, input=sums.read_bytes(), check=True, capture_output=True)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
