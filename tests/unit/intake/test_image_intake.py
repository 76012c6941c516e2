import asyncio
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from limner.intake.image_files import ImageFiles
from limner.intake.image_intake import ImageIntake
from limner.ports.intake import Intake
from unit.intake.pictures import encoded, scene


def test_it_is_the_port() -> None:
    intake: Intake = ImageIntake()

    assert isinstance(intake, ImageIntake)


def test_the_import_loads_neither_pillow_nor_aiohttp() -> None:
    code = "import limner.intake.image_intake, sys; print([name for name in ('PIL', 'aiohttp') if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_many_threads_may_use_the_same_object(put: Callable[[bytes], Path], tmp_path: Path, intake: ImageFiles) -> None:
    source = put(encoded(scene((600, 400)), "JPEG"))

    def work(number: int) -> tuple[int, int]:
        intake.inspect(source)
        done = intake.normalise(source, tmp_path / str(number))
        return done.width, done.height

    with ThreadPoolExecutor(8) as pool:
        sizes = set(pool.map(work, range(40)))
    assert sizes == {(600, 400)}


async def test_pictures_are_verified_and_normalised_concurrently(put: Callable[[bytes], Path], tmp_path: Path) -> None:
    intake, source = ImageIntake(), put(encoded(scene((600, 400)), "PNG"))

    inspected = await asyncio.gather(*(intake.inspect(source) for _ in range(20)))
    normalised = await asyncio.gather(*(intake.normalise(source, tmp_path / str(n)) for n in range(20)))
    await intake.close()

    assert {(each.width, each.height) for each in (*inspected, *normalised)} == {(600, 400)}


async def test_it_can_be_closed_unused_and_used_after_a_close(put: Callable[[bytes], Path]) -> None:
    intake, source = ImageIntake(), put(encoded(scene((60, 40)), "PNG"))

    await intake.close()
    await intake.inspect(source)
    await intake.close()

    assert (await intake.inspect(source)).width == 60
    await intake.close()
