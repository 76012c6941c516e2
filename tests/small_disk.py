"""A disk of 96 MB for a server alone, which a test fills."""

import contextlib
import io
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

ON_A_SMALL_DISK = ("sh", "-c", 'mount -t tmpfs -o size=96m tmpfs "$0" && exec "$@"')


def private_mount() -> tuple[list[str], str]:
    """A command that runs its child in a private mount namespace, and why this system does not permit one, if so."""
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    probe = subprocess.run([*command, *ON_A_SMALL_DISK, "/mnt", "true"], capture_output=True, check=False)
    refused = f"this system does not permit a private mount: {probe.stderr.decode().strip()}"
    return command, refused if probe.returncode else ""


REFILL_S = 0.005


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Keep the disk full with one file for the duration of the block, also when files are removed meanwhile."""
    ballast, over = folder / "ballast", threading.Event()
    try:
        with ballast.open("wb", buffering=0) as file:
            _fill(file)
            filling = threading.Thread(target=_keep_full, args=(file, over))
            filling.start()
            try:
                yield
            finally:
                over.set()
                filling.join()
    finally:
        ballast.unlink()


def _keep_full(file: io.RawIOBase, over: threading.Event) -> None:
    while not over.wait(REFILL_S):
        _fill(file)


def _fill(file: io.RawIOBase) -> None:
    with contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
