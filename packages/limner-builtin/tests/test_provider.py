import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import limner_builtin
from limner.domain.routing.failure import Failure, FailureKind
from limner.domain.tasks.spec import TaskSpec
from limner.ports.provider import Delivered, GenerationRequest, ReferenceImage
from limner_builtin.provider import BuiltinProvider

pytestmark = pytest.mark.anyio


def order(workdir: Path, prompt: str = "a tulip", *references: ReferenceImage) -> GenerationRequest:
    workdir.mkdir(exist_ok=True)
    return GenerationRequest(
        task_id="task",
        attempt_id="attempt",
        upstream="builtin",
        prompt=prompt,
        spec=TaskSpec(prompt=prompt),
        own_references=len(references),
        references=references,
        aspect_ratio="1:1",
        seed=1,
        workdir=workdir,
    )


@pytest.fixture
async def provider():  # noqa: ANN201
    provider = BuiltinProvider()
    yield provider
    await provider.close()


def ignored(percent: int) -> None:
    """Nobody watches this order."""


def child_of(provider: BuiltinProvider) -> int:
    assert provider._child is not None
    return provider._child.pid


async def test_an_order_comes_back_as_a_picture(provider: BuiltinProvider, tmp_path: Path) -> None:
    reported: list[int] = []

    delivered = await provider.submit(order(tmp_path), reported.append)

    assert isinstance(delivered, Delivered)
    assert delivered.picture.source == tmp_path / "picture.png"
    with Image.open(delivered.picture.source) as picture:
        assert picture.size == (1024, 1024)
    assert reported[-1] == 100
    assert delivered.served_by["provider"] == "builtin"
    assert delivered.served_by["engine"] == f"limner-builtin/{limner_builtin.__version__}"
    assert delivered.served_by["model"] == f"limner-builtin/{delivered.served_by['method']}"
    assert delivered.served_by["generative"] is False
    assert delivered.served_by["unmatched"] == []


async def test_orders_are_worked_in_the_order_they_came(provider: BuiltinProvider, tmp_path: Path) -> None:
    finished: list[str] = []

    async def one(name: str) -> None:
        await provider.submit(order(tmp_path / name), ignored)
        finished.append(name)

    await asyncio.gather(*(one(name) for name in ("first", "second", "third")))

    assert finished == ["first", "second", "third"]


async def test_a_killed_child_is_transient_and_replaced(provider: BuiltinProvider, tmp_path: Path) -> None:
    await provider.submit(order(tmp_path), ignored)
    first_child = child_of(provider)

    def kill(percent: int) -> None:
        os.kill(first_child, signal.SIGKILL)

    outcome = await provider.submit(order(tmp_path, "a dragon in a forest"), kill)
    again = await provider.submit(order(tmp_path), ignored)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.TRANSIENT
    assert isinstance(again, Delivered)
    assert child_of(provider) != first_child


async def test_a_terminal_s_ctrl_c_does_not_reach_the_child(provider: BuiltinProvider, tmp_path: Path) -> None:
    """It goes to all processes of the session; the service drains first and ends the child itself."""
    await provider.submit(order(tmp_path), ignored)
    child = child_of(provider)

    assert os.getsid(child) == child


async def test_an_order_past_its_time_is_given_up(tmp_path: Path) -> None:
    provider = BuiltinProvider(time_limit_s=0.05)

    outcome = await provider.submit(order(tmp_path), ignored)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.TIMEOUT
    assert provider._child is None


async def test_an_order_that_gets_no_turn_in_time_is_given_up(provider: BuiltinProvider, tmp_path: Path) -> None:
    await provider.submit(order(tmp_path), ignored)
    first = asyncio.create_task(provider.submit(order(tmp_path, "a dragon in a forest"), ignored))
    await asyncio.sleep(0)

    late = await provider.submit(replace(order(tmp_path), deadline_s=0.01), ignored)

    assert isinstance(late, Failure)
    assert late.kind is FailureKind.TIMEOUT
    assert isinstance(await first, Delivered)


async def test_a_folder_that_is_gone_is_transient(provider: BuiltinProvider, tmp_path: Path) -> None:
    outcome = await provider.submit(replace(order(tmp_path), workdir=tmp_path / "gone"), ignored)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.TRANSIENT


async def test_a_cancelled_order_leaves_the_next_one_its_own_answer(provider: BuiltinProvider, tmp_path: Path) -> None:
    started = asyncio.Event()
    waiting = asyncio.create_task(provider.submit(order(tmp_path / "a", "a rose"), lambda _: started.set()))
    await started.wait()
    child = child_of(provider)
    waiting.cancel()

    delivered = await provider.submit(order(tmp_path / "b", "a cactus"), ignored)

    assert waiting.cancelled()
    assert isinstance(delivered, Delivered)
    assert [match["name"] for match in delivered.served_by["matched"]] == ["cactus"]
    assert child_of(provider) == child


async def test_an_unreadable_reference_is_bad_input(provider: BuiltinProvider, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")

    outcome = await provider.submit(order(tmp_path, "a fox", ReferenceImage(broken, "image/png", 8, 8)), ignored)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.BAD_INPUT


def test_the_parent_stays_light() -> None:
    script = "import sys, limner_builtin.provider; print(*sys.modules)"
    loaded = _python(script).stdout.split()

    assert not {"numpy", "PIL", "onnxruntime"} & set(loaded)


ABANDONED = """
import asyncio, os, sys
from pathlib import Path
from typing import Any
sys.path.insert(0, {tests!r})
from test_provider import BuiltinProvider, order
async def main():
    provider = BuiltinProvider()
    def killed(percent):
        print(provider._child.pid, flush=True)
        os.kill(os.getpid(), 9)
    await provider.submit(order(Path({workdir!r})), killed)
asyncio.run(main())
"""


def test_a_killed_parent_leaves_no_orphan(tmp_path: Path) -> None:
    script = ABANDONED.format(tests=str(Path(__file__).parent), workdir=str(tmp_path))

    child = int(_python(script, check=False).stdout.split()[0])

    for _ in range(100):
        if not _alive(child):
            break
        time.sleep(0.05)
    assert not _alive(child)


def _python(script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=check)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("fields", "size", "form"),
    [
        ({"size": "1K"}, (1776, 592), "PNG"),
        ({"size": "320x256", "output_format": "jpeg", "output_compression": 40}, (320, 256), "JPEG"),
        ({"output_format": "webp"}, (1776, 592), "WEBP"),
    ],
)
async def test_a_picture_has_the_size_and_the_format_of_its_order(
    provider: BuiltinProvider, tmp_path: Path, fields: dict[str, Any], size: tuple[int, int], form: str
) -> None:
    asked = replace(order(tmp_path), spec=TaskSpec("a tulip", **fields), aspect_ratio="3:1")

    delivered = await provider.submit(asked, ignored)

    assert isinstance(delivered, Delivered)
    with Image.open(delivered.picture.source) as picture:
        assert (picture.size, picture.format) == (size, form)


def test_what_the_engine_does_not_obey_is_not_claimed() -> None:
    able = BuiltinProvider().abilities("any", {})

    assert (able.mask, able.transparent, able.qualities) == (False, False, frozenset())
