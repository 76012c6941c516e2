import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from limner.intake.image_intake import ImageIntake
from limner.intake.limits import ImageLimits
from limner.ports.intake import Intake
from unit.intake.pictures import encoded, scene


def test_it_is_the_port() -> None:
    door: Intake = ImageIntake()

    assert isinstance(door, ImageIntake)


def test_importing_the_door_brings_neither_pillow_nor_aiohttp() -> None:
    code = "import limner.intake.image_intake, sys; print([name for name in ('PIL', 'aiohttp') if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_many_threads_may_use_one_door(put: Callable[[bytes], Path], tmp_path: Path, intake: ImageIntake) -> None:
    source = put(encoded(scene((600, 400)), "JPEG"))

    def work(number: int) -> tuple[int, int]:
        intake.inspect(source)
        done = intake.normalise(source, tmp_path / str(number))
        return done.width, done.height

    with ThreadPoolExecutor(8) as pool:
        sizes = set(pool.map(work, range(40)))
    assert sizes == {(600, 400)}


def test_huge_pictures_wait_for_each_other(put: Callable[[bytes], Path]) -> None:
    door = ImageIntake(limits=ImageLimits(huge_pixels=1000))
    source, done = put(encoded(scene(), "PNG")), threading.Event()
    thread = threading.Thread(target=lambda: (door.inspect(source), done.set()))

    with door._huge:
        thread.start()
        waited = not done.wait(0.2)
    thread.join(5)

    assert waited
    assert done.is_set()


async def test_closing_an_unused_door_is_fine(intake: ImageIntake) -> None:
    await intake.close()

    assert intake._fetcher is None
