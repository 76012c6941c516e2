"""What is outside of Python."""

import subprocess
import sys
from pathlib import Path

SETTINGS = 'state = "/srv/state"\n[[engine]]\nname = "builtin"\nengine = "builtin"\nmodels = ["limner-builtin"]\n'


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "limner_ray.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_the_settings_are_checked_without_ray(tmp_path: Path) -> None:
    file = tmp_path / "limner-ray.toml"
    file.write_text(SETTINGS)
    good = run("check", str(file))
    file.write_text(f"prot = 1\n{SETTINGS}")
    bad = run("check", str(file))

    assert (good.returncode, good.stdout) == (0, "builtin: builtin with limner-builtin\n")
    assert bad.returncode == 1
    assert bad.stderr == "limner-ray: prot: Extra inputs are not permitted\n"
