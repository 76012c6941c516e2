"""Waiting by itself: how its loops end."""

import asyncio

import pytest

from limner_client.calls import Calls
from limner_client.http_transport import HttpTransport
from limner_client.waiting import Waiting


@pytest.mark.parametrize("steps", range(6))
async def test_polls_end_when_they_are_stopped_at_the_moment_of_news(steps: int) -> None:
    """`steps` of the event loop lie between the news and the end, so that it comes at each point of their arrival."""
    waiting = Waiting(Calls(HttpTransport("http://127.0.0.1:9"), "tsk_none", retries=0))
    waiting._loops = [asyncio.create_task(waiting._poll())]
    for _ in range(3):  # until the poll waits: nobody's task is to be read
        await asyncio.sleep(0)
    assert waiting._news._waiters

    waiting._news.set()
    for _ in range(steps):
        await asyncio.sleep(0)

    async with asyncio.timeout(30):
        await waiting.stop()
