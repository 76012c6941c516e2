"""Open WebUI's image router, unchanged, out of its published package.

The package takes 100 MB and its requirements much more; of it are kept the router and what it imports beside.
"""

import hashlib
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from clients.environments import LOCKS, kept_folder, run_uv

_WHEEL = LOCKS / "open-webui.wheel"
_FILES = ("routers/images.py", "utils/images/comfyui.py")


@cache
def image_router() -> Path:
    """The folder that has the package `open_webui` with these files alone. Raises `NotInstalled`."""
    digest = hashlib.sha256(_WHEEL.read_bytes()).hexdigest()
    return kept_folder(f"open-webui-router-{digest[:12]}", _extract)


def _extract(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="open-webui-") as whole:
        options = ("--python", sys.executable, "--no-deps", "--require-hashes", "--target", whole)
        run_uv("pip", "install", *options, "-r", str(_WHEEL))
        for name in _FILES:
            file = target / "open_webui" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(whole) / "open_webui" / name, file)
