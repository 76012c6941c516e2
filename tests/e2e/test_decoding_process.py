"""The process that decodes heavy pictures: it crashes alone, and it ends with its server."""

import os
import select
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from contract.client import PICTURE, client_of
from limner.intake.decode_child import NICENESS
from serving import Served, serving
from unit.intake.pictures import encoded

END_S = 30.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data") as process:
        yield process


def heavy() -> bytes:
    return encoded(Image.new("RGB", (10_000, 10_000), "red"), "WEBP", lossless=True, method=0)


def decoders(served: Served) -> list[int]:
    """The ids of the server's children, whichever thread started them."""
    found = []
    for thread in Path(f"/proc/{served.process.pid}/task").iterdir():
        with suppress(OSError):
            found += [int(pid) for pid in (thread / "children").read_text().split()]
    return found


def test_a_decoder_that_dies_of_a_picture_costs_the_picture_and_not_the_server(served: Served) -> None:
    client, killed = client_of(served), set()
    with ThreadPoolExecutor(1) as pool:
        uploading = pool.submit(client.upload, heavy())
        while not uploading.done():
            for pid in decoders(served):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)

    assert uploading.result().refusal == (400, 2003)
    assert len(killed) == 2
    assert client.upload(PICTURE).data
    assert client.upload(heavy()).data


def test_a_killed_server_takes_its_decoder_with_it(served: Served) -> None:
    assert client_of(served).upload(encoded(Image.new("RGB", (1000, 1000), "red"), "WEBP")).data
    (pid,) = decoders(served)
    ended = os.pidfd_open(pid)

    served.kill()

    assert select.select([ended], [], [], END_S)[0]
    os.close(ended)


def test_a_decoder_gives_way_to_the_server_though_it_has_a_session_of_its_own(served: Served) -> None:
    assert client_of(served).upload(encoded(Image.new("RGB", (1000, 1000), "red"), "WEBP")).data
    (pid,) = decoders(served)

    assert os.getpriority(os.PRIO_PROCESS, pid) >= NICENESS
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists():  # where processors are shared by session, the niceness of its only process counts for nothing
        assert session.read_text().strip().endswith(f"nice {NICENESS}")


def test_a_stopped_server_leaves_no_decoder(served: Served) -> None:
    assert client_of(served).upload(encoded(Image.new("RGB", (1000, 1000), "red"), "WEBP")).data
    (pid,) = decoders(served)
    ended = os.pidfd_open(pid)

    assert served.stop() == 0

    assert select.select([ended], [], [], END_S)[0]
    os.close(ended)
