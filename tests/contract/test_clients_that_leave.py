"""A client that goes away leaves no file behind, at whatever step of its request it goes."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from contract.client import multipart
from contract.test_fair_shares import RecordingIntake, Service
from contract.test_large_bodies import EDIT, EDIT_HEADERS, PICTURE
from limner.asgi import application
from limner.bootstrap import opened, prepare_data
from limner.settings import Settings

UPLOAD, UPLOAD_HEADERS = multipart([("file", "a.png", PICTURE)])
CALLS = {
    "/v2/openapi/upload": (UPLOAD, UPLOAD_HEADERS),
    "/v1/images/edits": (EDIT, EDIT_HEADERS),
}


@pytest.fixture
def leaves(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Cancels the task that hands work to a thread, as a client that goes away does, once `leaves[0]` jobs are left."""
    left = [0]
    submit = asyncio.BaseEventLoop.run_in_executor

    def watched(loop: Any, executor: Any, work: Any, *args: Any) -> Any:
        job = submit(loop, executor, work, *args)
        left[0] -= 1
        if left[0] == 0:
            caller = asyncio.current_task()
            assert caller is not None
            caller.cancel()
        return job

    monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", watched)
    return left  # type: ignore[return-value]


@pytest.mark.parametrize("path", CALLS)
def test_no_file_stays_of_a_client_that_leaves(tmp_path: Path, path: str, leaves: list[int]) -> None:
    settings = Settings(data=tmp_path / "data", engine="sandbox", log_level="error")
    prepare_data(settings)

    left_at = asyncio.run(leave_at_each_step(settings, path, leaves))

    assert left_at >= 3


async def leave_at_each_step(settings: Settings, path: str, leaves: list[int]) -> int:
    """The number of steps of the request; a client left at each."""
    body, headers = CALLS[path]
    async with opened(settings) as limner:
        account = await limner.accounts.create("ada", 100)
        made = await limner.accounts.create_key(account.name, "key", ("generate", "read"))
        service = Service(limner, RecordingIntake(), made.key, made.secret, application(limner, worker=None))
        scratch = limner.scratch.folder
        for step in count(1):
            leaves[0] = step
            [outcome] = await asyncio.gather(service.sends("POST", path, body, headers), return_exceptions=True)
            ended, leaves[0] = leaves[0] > 0, 0
            assert (step, files_in(scratch), open_files_in(scratch)) == (step, [], [])
            if ended:
                assert not isinstance(outcome, BaseException), outcome
                return step - 1
    raise AssertionError


def files_in(folder: Path) -> list[str]:
    return [each.name for each in folder.rglob("*") if each.is_file()]


def open_files_in(folder: Path) -> list[str]:
    links = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(each.readlink()))
        except FileNotFoundError:  # the folder of the links itself
            continue
    return [each for each in links if each.startswith(f"{folder}/") and each != str(folder)]
