import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from PIL import Image

from limner.domain.refusal import Code, Overloaded, Refusal
from limner.intake.decode_child import BYTES_A_PIXEL, CPU_S, NICENESS, OTHER_BYTES
from limner.intake.decode_job import DecodeJob
from limner.intake.decode_process import DecodeProcess
from limner.intake.image_files import LIGHT_WEBP_PIXELS, ImageFiles
from limner.intake.limits import ImageLimits
from limner.ports.intake import Inspected, Normalised
from unit.intake.pictures import encoded, scene

Put = Callable[[bytes], Path]


@pytest.fixture
async def process() -> AsyncIterator[DecodeProcess]:
    started = DecodeProcess()
    yield started
    await started.close()


def pid(process: DecodeProcess) -> int:
    child = process._child
    assert child is not None
    return child.pid


async def stopped_in_a_job(process: DecodeProcess, job: DecodeJob) -> "asyncio.Task[Inspected | Normalised]":
    """A job that the child has been given and cannot do, since it is stopped."""
    await process.run(job)
    os.kill(pid(process), signal.SIGSTOP)
    running = asyncio.create_task(process.run(job))
    await asyncio.sleep(0)
    return running


async def test_it_verifies_and_normalises_as_a_thread_does(process: DecodeProcess, put: Put, tmp_path: Path) -> None:
    limits, source = ImageLimits(longest_side=200), put(encoded(scene((600, 400)), "WEBP"))
    verify = DecodeJob(source, limits)
    here, there = (DecodeJob(source, limits, tmp_path / name) for name in ("here", "there"))

    assert await process.run(verify) == await asyncio.to_thread(verify.perform)
    assert await process.run(there) == await asyncio.to_thread(here.perform)
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()


async def test_a_refusal_arrives_as_it_is(process: DecodeProcess, put: Put) -> None:
    job = DecodeJob(put(encoded(scene((600, 400)), "PNG")[:-2000]), ImageLimits())

    with pytest.raises(Refusal) as there:
        await process.run(job)

    with pytest.raises(Refusal) as here:
        await asyncio.to_thread(job.perform)
    assert vars(there.value) == vars(here.value)


async def test_an_error_of_the_disk_keeps_its_number(process: DecodeProcess, put: Put, tmp_path: Path) -> None:
    source = put(encoded(scene((60, 40)), "PNG"))

    with pytest.raises(FileNotFoundError):
        await process.run(DecodeJob(source, ImageLimits(), tmp_path / "missing" / "clean"))


async def test_a_picture_on_which_the_process_is_killed_is_decoded_by_the_next(
    process: DecodeProcess, put: Put
) -> None:
    job = DecodeJob(put(encoded(scene((60, 40)), "PNG")), ImageLimits())
    running = await stopped_in_a_job(process, job)
    first = pid(process)

    os.kill(first, signal.SIGKILL)

    done = await running
    assert isinstance(done, Inspected)
    assert pid(process) != first


async def test_a_picture_on_which_the_process_ends_twice_is_2003(
    process: DecodeProcess, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = DecodeJob(put(encoded(scene((60, 40)), "PNG")), ImageLimits())
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(Refusal) as refused:
        await process.run(job)

    assert refused.value.code is Code.IMAGE_EMPTY
    monkeypatch.undo()
    assert isinstance(await process.run(job), Inspected)


async def test_a_close_ends_the_process_in_its_job_and_starts_no_other(process: DecodeProcess, put: Put) -> None:
    running = await stopped_in_a_job(process, DecodeJob(put(encoded(scene((60, 40)), "PNG")), ImageLimits()))

    await process.close()

    with pytest.raises(Overloaded):
        await running
    assert process._child is None


async def test_the_process_is_of_low_priority_bounded_and_in_a_session_of_its_own(
    process: DecodeProcess, put: Put
) -> None:
    limits = ImageLimits(max_pixels=1_000_000)

    await process.run(DecodeJob(put(encoded(scene((60, 40)), "PNG")), limits))

    child = pid(process)
    assert os.getpriority(os.PRIO_PROCESS, child) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    assert os.getsid(child) == child
    assert resource.prlimit(child, resource.RLIMIT_AS)[0] == 1_000_000 * BYTES_A_PIXEL + OTHER_BYTES
    assert CPU_S <= resource.prlimit(child, resource.RLIMIT_CPU)[0] <= CPU_S + 10


async def test_the_process_does_not_see_the_keys_of_the_service(
    process: DecodeProcess, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-kept")

    await process.run(DecodeJob(put(encoded(scene((60, 40)), "PNG")), ImageLimits()))

    assert b"sk-kept" not in Path(f"/proc/{pid(process)}/environ").read_bytes()


def test_a_heavy_webp_is_not_decoded_in_the_service(put: Put, tmp_path: Path) -> None:
    side = int(LIGHT_WEBP_PIXELS**0.5) + 1
    source = put(encoded(Image.new("RGB", (side, side), "red"), "WEBP"))
    code = f"""
import asyncio, sys
from pathlib import Path
from limner.intake.image_intake import ImageIntake

async def main():
    intake = ImageIntake()
    await intake.inspect(Path({str(source)!r}))
    await intake.normalise(Path({str(source)!r}), Path({str(tmp_path / "clean")!r}))
    await intake.close()

asyncio.run(main())
print("PIL" in sys.modules)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
    assert not done.stderr


@pytest.mark.parametrize(
    ("kind", "side", "heavy"),
    [
        ("PNG", 4096, False),
        ("JPEG", 4096, False),
        ("PNG", 4300, True),
        ("JPEG", 4300, True),
        ("WEBP", 700, False),
        ("WEBP", 720, True),
    ],
)
def test_a_picture_is_heavy_by_its_pixels_and_a_webp_sooner(
    kind: str,
    side: int,
    heavy: bool,  # noqa: FBT001
    put: Put,
    intake: ImageFiles,
) -> None:
    source = put(encoded(Image.new("L", (side, side)), kind))

    assert intake.heavy_pixels(source) == (side * side if heavy else None)
