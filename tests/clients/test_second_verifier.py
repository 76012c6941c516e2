"""Our signatures, verified by another implementation of C2PA: c2pa-ts, which shares no code with what signs.

It reads PNG and JPEG, knows no WebP, and checks no chain of trust, so that there is no `trusted`.
"""

import io
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clients.conftest import NO_PACKAGES, NO_PROGRAM
from clients.environments import NotInstalled
from clients.node_packages import node_packages
from limner.ports.provenance import ManifestState
from limner.provenance.c2pa_files import C2paSigner
from limner.provenance.keys import KeyFolder
from unit.provenance.test_manifests import CASES, facts, picture

PROGRAM = Path(__file__).parent / "programs/verify_c2pa.mjs"
FORMATS = ("png", "jpeg")


@pytest.fixture(scope="module")
def packages() -> Path:
    if shutil.which("npm") is None:
        pytest.skip(f"{NO_PROGRAM} node")
    try:
        return node_packages("c2pa")
    except NotInstalled as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{NO_PACKAGES}: {error}")


@pytest.fixture(scope="module")
def verdicts(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What the other implementation says of each file."""
    folder, keys = tmp_path_factory.mktemp("signed"), KeyFolder(tmp_path_factory.mktemp("keys"))
    keys.ensure(datetime.now(UTC))
    signer = C2paSigner(keys.current)
    for format_ in FORMATS:
        signed = bytes(signer.sign(io.BytesIO(picture(format_)), facts(format_), None).data)
        for name, (change, _) in CASES.items():
            (folder / f"{name}.{format_}").write_bytes(change(format_, signed))
        parent = io.BytesIO(signed)
        again = signer.sign(io.BytesIO(signed), facts(format_), parent)
        (folder / f"signed again.{format_}").write_bytes(bytes(again.data))
    command = ["node", PROGRAM, packages, *sorted(folder.iterdir())]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    return {Path(each["file"]).name: each for each in told}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", CASES)
def test_the_other_implementation_agrees(verdicts: dict[str, dict[str, object]], name: str, format_: str) -> None:
    expected = CASES[name][1]
    if expected & {ManifestState.INVALID, ManifestState.UNREADABLE}:
        expected = {ManifestState.INVALID, ManifestState.UNREADABLE}

    assert verdicts[f"{name}.{format_}"]["state"] in expected


@pytest.mark.parametrize("format_", FORMATS)
def test_a_copy_with_its_file_as_the_parent_is_valid_to_it(
    verdicts: dict[str, dict[str, object]], format_: str
) -> None:
    assert verdicts[f"signed again.{format_}"] == {
        "file": verdicts[f"signed again.{format_}"]["file"],
        "state": "valid",
        "failures": [],
    }
