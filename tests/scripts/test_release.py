"""The release script, run in a copy of the checkout."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"limner", *(path.parent.name for path in ROOT.glob("packages/*/pyproject.toml"))}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is committed, with the script as it is here."""
    copy = tmp_path_factory.mktemp("release") / "checkout"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(copy)], check=True)
    shutil.copy(ROOT / "scripts" / "release.py", copy / "scripts")
    return copy


def release(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/release.py", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def test_a_rehearsal_builds_every_package_a_bill_of_materials_and_their_sums(checkout: Path) -> None:
    done = release(checkout, "--rehearse")
    dist = checkout / "dist"

    assert done.returncode == 0, done.stderr
    assert "Nothing is published" in done.stdout
    for built in ("*.whl", "*.tar.gz"):
        assert {path.name.partition("-")[0].replace("_", "-") for path in dist.glob(built)} == PACKAGES
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=dist, check=True)
    (bill,) = (json.loads(path.read_text()) for path in dist.glob("*.cdx.json"))
    named = {each["purl"].partition("@")[0] for each in bill["components"]}
    assert (bill["bomFormat"], {"pkg:pypi/starlette", "pkg:pypi/pillow"} <= named) == ("CycloneDX", True)
    assert all(each["version"] in each["purl"] for each in bill["components"])


def test_an_unfinished_checkout_is_not_released(checkout: Path) -> None:
    (checkout / "stray").touch()
    done = release(checkout)

    assert done.returncode == 1
    assert "uncommitted changes" in done.stderr
    assert "no tag v" in done.stderr
    assert "no --key" in done.stderr


def test_the_sums_are_signed(checkout: Path, tmp_path: Path) -> None:
    key, program = tmp_path / "key", "import sys; sys.path.insert(0, 'scripts'); import release as r\n"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    sums = tmp_path / "SHA256SUMS"
    sums.write_text("00  file\n")
    program += f"from pathlib import Path; r.sign(Path({str(sums)!r}), Path({str(key)!r}))"
    subprocess.run([sys.executable, "-c", program], cwd=checkout, check=True)

    (tmp_path / "allowed").write_text(f"limner {key.with_suffix('.pub').read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "limner", "-n", "limner"]
    done = subprocess.run([*verify, "-s", f"{sums}.sig"], input=sums.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_names_that_have_to_be_claimed_first_are_told() -> None:
    first = (ROOT / "RELEASING.md").read_text().partition("\n1. ")[0]

    assert set(re.findall(r"`(limner[a-z-]*)`", first)) == PACKAGES
