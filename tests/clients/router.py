"""Open WebUI's image router, unchanged, out of its published package.

The package takes 100 MB and its requirements much more; of it are kept the router and what it imports beside.
"""

import hashlib
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from clients.environments import KEPT, LOCKS, run_uv

_WHEEL = LOCKS / "open-webui.wheel"
_FILES = ("routers/images.py", "utils/images/comfyui.py")


@cache
def image_router() -> Path:
    """The folder that has the package `open_webui` with these files alone. Raises `NotInstalled`."""
    kept = KEPT / f"open-webui-router-{hashlib.sha256(_WHEEL.read_bytes()).hexdigest()[:12]}"
    if not kept.exists():
        _extract(kept)
    return kept


def _extract(target: Path) -> None:
    KEPT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT, prefix="new-") as folder:
        whole, made = Path(folder) / "whole", Path(folder) / "made"
        options = ("--python", sys.executable, "--no-deps", "--require-hashes", "--target", str(whole))
        run_uv("pip", "install", *options, "-r", str(_WHEEL))
        for name in _FILES:
            file = made / "open_webui" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(whole / "open_webui" / name, file)
        try:
            made.rename(target)
        except OSError:
            if not target.exists():
                raise
