"""`/mcp` has the limits of every other call: on how slow, how large and how deep a body is, and on memory."""

import asyncio
import base64
import json
import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from agents.connections import over_http
from agents.test_tools import facts
from contract.client import Client, newcomer
from contract.wire import status, wire
from serving import Served, serving

MIB = 1024 * 1024
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "list_templates", "arguments": {}},
}


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the least memory for bodies, and no worker."""
    limits = {"large_bodies_mib": "64", "uploads_per_second": "100"}
    with serving(tmp_path_factory.mktemp("tight"), "--api-only", mcp="true", **limits) as server:
        yield server


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Served]:
    """A server with short timeouts."""
    with serving(tmp_path / "strict", "--api-only", mcp="true", slow_client_s="0.5") as server:
        yield server


@pytest.fixture
def caller(tight: Served) -> Client:
    return newcomer(tight)


def answer_to(served: Served, key: str, body: bytes) -> httpx2.Response:
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    return httpx2.post(f"{served.url}/mcp", content=body, headers=headers, timeout=60)


def large_picture() -> bytes:
    """Some 14 MiB of PNG, which no coding makes smaller."""
    noise = Image.frombytes("RGB", (2200, 2200), random.Random(7).randbytes(2200 * 2200 * 3))
    written = BytesIO()
    noise.save(written, "PNG", compress_level=0)
    return written.getvalue()


def test_a_body_that_does_not_come_is_timed_out(strict: Served) -> None:
    with wire(strict) as line:
        key = f"Authorization: Bearer {strict.key}"
        line.send(line.post("Content-Length: 1000", key, path="/mcp", auth=False) + b'{"jsonrpc"')
        answer = line.rest()

    assert status(answer) == 408
    assert b"error" in answer


def test_a_body_over_the_cap_is_refused(tight: Served, caller: Client) -> None:
    answer = answer_to(tight, caller.key, json.dumps({**CALL, "more": "x" * (28 * MIB)}).encode())

    assert answer.status_code == 400
    assert "28 MB" in answer.json()["error"]


def test_a_body_of_a_million_members_is_not_parsed(tight: Served, caller: Client) -> None:
    answer = answer_to(tight, caller.key, b"[" + b"1," * 10 * MIB + b"1]")

    assert answer.status_code == 400
    assert "members" in answer.json()["error"]


def test_without_a_good_key_no_body_is_read(tight: Served) -> None:
    with wire(tight) as line:
        line.send(line.post("Content-Length: 1000", path="/mcp", auth=False))
        answer = line.answer()

    assert status(answer) == 401
    assert b"www-authenticate: bearer" in answer.lower()


async def test_calls_that_wait_hold_no_memory_for_their_pictures(tight: Served, tmp_path: Path) -> None:
    """Five of 19 MiB each wait at once in a budget of 64 MiB."""
    picture = f"data:image/png;base64,{base64.b64encode(large_picture()).decode()}"
    caller = await asyncio.to_thread(newcomer, tight)
    async with over_http(tight, caller.key, tmp_path) as agent, asyncio.TaskGroup() as group:
        asked = {"prompt": "a cat", "references": [picture], "wait_s": 8, "preview": False}
        made = [group.create_task(agent.call_tool("generate_image", asked)) for _ in range(5)]

    assert [facts(each.result())["status"] for each in made] == ["queued"] * 5
    assert len(caller.get("/v2/openapi/tasks").data["tasks"]) == 5


def test_a_wrong_picture_in_a_large_call_is_told_by_the_tool(tight: Served, caller: Client) -> None:
    wrong = "data:image/png;base64," + base64.b64encode(random.Random(1).randbytes(MIB)).decode()
    call = {**CALL, "params": {"name": "generate_image", "arguments": {"prompt": "a cat", "references": [wrong]}}}
    answer = answer_to(tight, caller.key, json.dumps(call).encode())

    assert answer.status_code == 200
    assert "isError" in answer.text
    assert caller.get("/v2/openapi/tasks").data["tasks"] == []
