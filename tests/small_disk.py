"""A disk of 96 MB for a server alone, which a test fills."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

ON_A_SMALL_DISK = ("sh", "-c", 'mount -t tmpfs -o size=96m tmpfs "$0" && exec "$@"')


def private_mount() -> tuple[list[str], str]:
    """A command that runs its child in a private mount namespace, and why this system does not permit one, if so."""
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    probe = subprocess.run([*command, *ON_A_SMALL_DISK, "/mnt", "true"], capture_output=True, check=False)
    refused = f"this system does not permit a private mount: {probe.stderr.decode().strip()}"
    return command, refused if probe.returncode else ""


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Fill the disk with one file for the duration of the block."""
    ballast = folder / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        yield
    finally:
        ballast.unlink()
