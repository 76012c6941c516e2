"""`limner webhooks`, as people and as programs use it, with a receiver on this machine."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from forked import run_forked
from receivers import Receiver, receiving
from serving import OURS


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


@dataclass(frozen=True)
class Limner:
    """The command over one data folder; the receiver goes on while it runs."""

    data: Path
    receiver: Receiver

    async def __call__(self, *arguments: str) -> Ran:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        chosen = {"LIMNER_ENGINE": "sandbox", "LIMNER_FETCH_ALLOW": "127.0.0.1", "NO_COLOR": "1", "COLUMNS": "200"}
        done = await asyncio.to_thread(run_forked, [*arguments, "--data", str(self.data)], kept | chosen)
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
async def limner(tmp_path: Path) -> AsyncIterator[Limner]:
    async with receiving() as receiver:
        limner = Limner(tmp_path / "data", receiver)
        assert (await limner("accounts", "create", "local", "--credits", "1000")).code == 0
        yield limner


async def test_a_webhook_from_its_first_message_to_its_end(limner: Limner) -> None:
    made = (await limner("webhooks", "add", limner.receiver.url(), "--description", "my shop", "--json")).json
    tested = (await limner("webhooks", "test", made["webhook"], "--json")).json
    again = (await limner("webhooks", "rotate", made["webhook"], "--overlap", "1", "--json")).json
    task = (await limner("generate", "a fox", "-o", str(limner.data / "fox.png"), "--json")).json["task_id"]
    reported = (await limner("webhooks", "deliveries", made["webhook"], "--json")).json
    explained = await limner("tasks", "explain", task)
    removed = (await limner("webhooks", "remove", made["webhook"], "--json")).json
    left = (await limner("webhooks", "list", "--json")).json

    first = limner.receiver.messages[0]
    assert first.verified(made["secret"])["type"] == "webhook.test"
    assert (tested["delivered"], tested["status"], tested["delivery"]) == (True, 204, first.id)
    assert made["secret"] != again["secret"]
    assert [story["delivery"]["event"] for story in reported] == ["task.succeeded", "webhook.test"]
    assert reported[0]["delivery"]["id"] in explained.out
    assert (removed, left) == ({"webhook": made["webhook"], "removed": True}, [])


async def test_what_a_person_reads(limner: Limner) -> None:
    added = await limner("webhooks", "add", limner.receiver.url("/hook?token=1"), "--event", "task.failed")
    webhook = (await limner("webhooks", "list", "--json")).json[0]["webhook"]
    limner.receiver.answers["/hook"] = [500]
    tested = await limner("webhooks", "test", webhook)
    listed = await limner("webhooks", "list")
    deliveries = await limner("webhooks", "deliveries", webhook, "--state", "failed")

    assert added.out.startswith("whsec_")
    assert "not shown again" in added.err
    assert (tested.code, tested.out) == (1, "")
    assert "the receiver answered 500" in tested.err
    assert all(word in listed.out for word in (webhook, "on", "failed", "/hook?token=1"))
    assert "500 in " in deliveries.out


async def test_an_invalid_option_is_refused_with_a_remedy(limner: Limner) -> None:
    both, event, nothing = await asyncio.gather(
        limner("webhooks", "add", "https://example.com/", "--per-task"),
        limner("webhooks", "add", "https://example.com/", "--event", "task.done"),
        limner("webhooks", "replay", "msg_1", "--json"),
    )

    assert (both.code, event.code) == (2, 1)
    assert "task.progress" in event.err
    assert json.loads(nothing.out)["error"]["code"] == 9414
