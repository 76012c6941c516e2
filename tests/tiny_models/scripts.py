"""Programs of this folder, run by themselves: what they import weighs hundreds of megabytes."""

import os
import subprocess
import sys
from pathlib import Path


def run_script(name: str, *arguments: str, **environment: str) -> str:
    """What it prints."""
    command = [sys.executable, str(Path(__file__).parent / name), *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
