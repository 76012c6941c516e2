"""Watching over WebSockets with the published client: `task/watch/{task_id}`, `watch/all`, `watch/all/{since}`."""

import asyncio
import contextlib
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from contract.client import BASE, FINAL, TIMEOUT_S, Client, client_of, newcomer
from e2e.test_processes import working
from postgres import Server
from serving import Served, serving

Frame = dict[str, Any]


@pytest.fixture(autouse=True)
def loop_never_blocks() -> None:
    """The server's loop is in a process of its own; what runs here is the client."""


def address(client: Client, path: str) -> str:
    return f"{client.url.replace('http', 'ws', 1)}{BASE}/task/watch/{path}"


@asynccontextmanager
async def watching(client: Client, path: str, **more: Any) -> AsyncIterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {client.key}"} if client.key else {}
    async with connect(address(client, path), additional_headers=headers, open_timeout=TIMEOUT_S, **more) as watch:
        yield watch


async def next_frame(watch: ClientConnection) -> Frame:
    frame: Frame = json.loads(await asyncio.wait_for(watch.recv(), TIMEOUT_S))
    assert set(frame) == {"event", "data"}
    assert frame["event"] == ("finalized" if frame["data"]["status"] in FINAL else "update")
    return frame


async def until(watch: ClientConnection, wanted: Callable[[Frame], bool]) -> list[Frame]:
    frames: list[Frame] = []
    while not frames or not wanted(frames[-1]):
        frames.append(await next_frame(watch))
    return frames


async def to_the_end(watch: ClientConnection) -> tuple[list[Frame], int | None]:
    """Every frame, and the code that the server closed with."""
    frames = []
    try:
        while True:
            frames.append(await next_frame(watch))
    except ConnectionClosed:
        return frames, watch.close_code


def studio_cookie(served: Served) -> str:
    """The cookie of a browser that signed in with the first key."""
    host = urlsplit(served.url).netloc
    with contextlib.closing(HTTPConnection(host)) as connection:
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": served.url}
        connection.request("POST", "/studio/sign-in", f"key={served.key}", form)
        return connection.getresponse().getheader("set-cookie", "").partition(";")[0]


async def refusal(client: Client, path: str) -> tuple[int, Any, Any]:
    """The status, the body and the headers with which a handshake is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with watching(client, path):
            pass
    response = refused.value.response
    return response.status_code, json.loads(response.body), response.headers


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose pictures take a while."""
    with serving(tmp_path_factory.mktemp("slow"), sandbox_delay_s="2", account_tasks="100") as server:
        yield server


# --- one task -----------------------------------------------------------------------------------------------------


async def test_a_task_is_watched_to_its_end(slow: Served) -> None:
    client = client_of(slow)
    task = await asyncio.to_thread(client.submit)
    async with watching(client, task) as watch:
        frames, code = await to_the_end(watch)

    statuses = [frame["data"]["status"] for frame in frames]
    progress = [frame["data"]["progress"] for frame in frames]
    assert statuses == sorted(statuses, key=["queued", "running", "success"].index)
    assert [frame["event"] for frame in frames] == ["update"] * (len(frames) - 1) + ["finalized"]
    assert {"running", "success"} <= set(statuses)
    assert progress == sorted(progress)
    assert len(set(progress)) > 2
    assert code == 1000


async def test_a_program_and_the_studio_get_each_their_own_frames(slow: Served) -> None:
    """Both watch the same account: the text of a change is shared among watchers of one format alone."""
    client = client_of(slow)
    cookie = await asyncio.to_thread(studio_cookie, slow)
    page = {"Origin": slow.url, "Cookie": cookie}
    live = f"{slow.url.replace('http', 'ws', 1)}/studio/live"
    async with watching(client, "all") as watch, connect(live, additional_headers=page) as studio:
        task = await asyncio.to_thread(client.submit)
        frames = await until(watch, lambda frame: frame["event"] == "finalized")
        shown = [json.loads(await asyncio.wait_for(studio.recv(), TIMEOUT_S))]
        while shown[-1]["status"] not in FINAL:
            shown.append(json.loads(await asyncio.wait_for(studio.recv(), TIMEOUT_S)))

    assert {frame["data"]["task_id"] for frame in frames} == {each["id"] for each in shown} == {task}


async def test_a_frame_s_task_is_what_a_read_shows(client: Client) -> None:
    task = (await asyncio.to_thread(client.done))["task_id"]
    async with watching(client, task) as watch:
        frames, code = await to_the_end(watch)
    read = await asyncio.to_thread(client.task, task)

    [frame] = frames
    picture = await asyncio.to_thread(client.get, frame["data"]["output"]["generated_image"], auth=False)
    assert (frame["event"], code) == ("finalized", 1000)
    assert without_signature(frame["data"]) == without_signature(read)
    assert picture.status == 200


def without_signature(value: Any) -> Any:
    """Links are signed anew each time."""
    if isinstance(value, dict):
        return {name: without_signature(each) for name, each in value.items()}
    return value.partition("?")[0] if isinstance(value, str) else value


async def test_a_cancelled_task_s_watch_ends(idle: Served) -> None:
    client = client_of(idle)
    task = await asyncio.to_thread(client.submit)
    async with watching(client, task) as watch:
        first = await next_frame(watch)
        await asyncio.to_thread(client.post, f"/task/{task}/cancel", {})
        rest, code = await to_the_end(watch)

    assert first["data"]["status"] == "queued"
    assert [frame["data"]["status"] for frame in rest if frame["event"] == "finalized"] == ["cancelled"]
    assert code == 1000


# --- refused at the door ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["00000000-0000-4000-8000-000000000000", "no-id", "%00"])
async def test_an_unknown_task_is_refused_as_over_http(client: Client, path: str) -> None:
    status, body, headers = await refusal(client, path)

    assert (status, body["code"]) == (404, 2001)
    assert set(body) == {"code", "message", "suggestion"}
    assert headers["content-type"] == "application/json"
    assert headers["x-tripo-trace-id"]


async def test_another_account_s_task_is_unknown(client: Client, other_client: Client) -> None:
    task = await asyncio.to_thread(client.submit)
    status, body, _ = await refusal(other_client, task)

    assert (status, body["code"]) == (404, 2001)


@pytest.mark.parametrize("path", ["all", "all/2026-01-01T00:00:00Z", "00000000-0000-4000-8000-000000000000"])
@pytest.mark.parametrize("key", [None, "tsk_wrong", "nonsense"])
async def test_a_watch_without_a_good_key_is_refused(client: Client, path: str, key: str | None) -> None:
    status, body, _ = await refusal(client.as_(key), path)

    assert (status, body["code"], body["message"]) == (401, 1002, "Authentication failed")


async def test_a_key_that_may_not_read_may_not_watch(served: Served) -> None:
    writer = await asyncio.to_thread(newcomer, served, scopes=("generate",))
    status, body, _ = await refusal(writer, "all")

    assert (status, body["code"]) == (403, 1005)


BAD_TIMES = ["yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01", "1795333000", "%20", "9" * 300]


@pytest.mark.parametrize("since", BAD_TIMES)
async def test_a_time_that_is_none_is_refused(client: Client, since: str) -> None:
    status, body, _ = await refusal(client, f"all/{since}")

    assert (status, body["code"]) == (400, 1004)
    assert body["suggestion"].startswith("since: ")


async def test_any_other_path_is_not_found(client: Client) -> None:
    status, body, headers = await refusal(client, "all/2026-01-01T00:00:00Z/more")

    assert (status, body["code"]) == (404, 9404)
    assert headers["x-tripo-trace-id"]


@pytest.mark.parametrize("path", ["all", "all/2026-01-01T00:00:00Z", "no-id"])
def test_a_plain_get_of_a_watch_is_refused(client: Client, path: str) -> None:
    assert client.get(f"{BASE}/task/watch/{path}").refusal == (400, 1003)
    assert client.get(f"{BASE}/task/watch/{path}", auth=False).refusal == (401, 1002)


# --- all tasks ----------------------------------------------------------------------------------------------------


def account_of(served: Served) -> Client:
    return newcomer(served)


async def test_a_watch_sends_all_tasks_of_its_account_and_no_others(served: Served) -> None:
    ada, eve = await asyncio.to_thread(account_of, served), await asyncio.to_thread(account_of, served)
    async with watching(ada, "all") as watch, watching(eve, "all") as other:
        hers = await asyncio.to_thread(eve.submit)
        theirs = await until(other, lambda frame: frame["event"] == "finalized")
        mine = [await asyncio.to_thread(ada.submit) for _ in range(3)]
        frames: list[Frame] = []
        while sum(frame["event"] == "finalized" for frame in frames) < 3:
            frames.append(await next_frame(watch))

    assert {frame["data"]["task_id"] for frame in frames} == set(mine)
    assert {frame["data"]["task_id"] for frame in theirs} == {hers}
    assert sorted(f["data"]["task_id"] for f in frames if f["event"] == "finalized") == sorted(mine)


def iso(moment: datetime, form: str) -> str:
    match form:
        case "Z":
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case "literal plus":
            return (moment + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%f+01:00")
        case "encoded":
            return quote((moment + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%f+01:00"), safe="")
        case "plus as a blank":
            return (moment + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%f%%2001:00")
        case _:
            return (moment - timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%S.%f-0800")


@pytest.mark.parametrize("form", ["Z", "literal plus", "encoded", "plus as a blank", "minus, without a colon"])
async def test_since_a_time_shows_what_changed_since(served: Served, form: str) -> None:
    client = await asyncio.to_thread(account_of, served)
    early = (await asyncio.to_thread(client.done))["task_id"]
    moment = later_than_now()
    tasks = [(await asyncio.to_thread(client.done))["task_id"] for _ in range(2)]
    async with watching(client, f"all/{iso(moment, form)}") as watch:
        replayed = [await next_frame(watch) for _ in tasks]
        new = await asyncio.to_thread(client.submit)
        news = await until(watch, lambda frame: frame["event"] == "finalized")

    assert [frame["data"]["task_id"] for frame in replayed] == tasks
    assert {frame["event"] for frame in replayed} == {"finalized"}
    assert {frame["data"]["task_id"] for frame in news} == {new}
    assert early not in tasks


def later_than_now() -> datetime:
    """A moment that is over when this returns, so that what comes next comes after it."""
    moment = datetime.now(UTC) + timedelta(milliseconds=2)
    while datetime.now(UTC) < moment:
        time.sleep(0.001)
    return moment


async def test_the_example_of_the_documentation_works(served: Served) -> None:
    client = await asyncio.to_thread(account_of, served)
    task = (await asyncio.to_thread(client.done))["task_id"]
    async with watching(client, "all/1997-07-16T19:20:30+01:00") as watch:
        first = await next_frame(watch)

    assert (first["event"], first["data"]["task_id"]) == ("finalized", task)


# --- clients of every kind ----------------------------------------------------------------------------------------


async def test_a_browser_gives_its_key_as_a_protocol(served: Served) -> None:
    client = await asyncio.to_thread(account_of, served)
    task = (await asyncio.to_thread(client.done))["task_id"]
    protocols = ["limner", f"limner.key.{client.key}"]
    async with connect(address(client, task), subprotocols=protocols) as watch:  # type: ignore[arg-type]
        frames, code = await to_the_end(watch)

    assert watch.subprotocol == "limner"
    assert ([frame["event"] for frame in frames], code) == (["finalized"], 1000)


async def test_client_messages_are_discarded(idle: Served) -> None:
    client = client_of(idle)
    task = await asyncio.to_thread(client.submit)
    async with watching(client, task) as watch:
        await next_frame(watch)
        for noise in ("ping", b"\x00\xff", '{"event":"finalized"}', "x" * 10_000):
            await watch.send(noise)
        await (await watch.ping())
        await asyncio.to_thread(client.post, f"/task/{task}/cancel", {})
        frames, code = await to_the_end(watch)

    assert (frames[-1]["data"]["status"], code) == ("cancelled", 1000)


async def test_a_head_over_the_limit_is_refused(idle: Served) -> None:
    client = client_of(idle)
    async with watching(client, "all") as watch:
        await watch.send("x" * 100_000)
        _, code = await to_the_end(watch)

    assert code == 1009


@pytest.mark.parametrize("garbage", [b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\x81\x05hello"])
async def test_bytes_that_are_no_websocket_frames_close_the_watch(idle: Served, garbage: bytes) -> None:
    client = client_of(idle)
    async with watching(client, "all") as watch:
        assert watch.transport
        watch.transport.write(garbage)
        _, code = await to_the_end(watch)
    answer = await asyncio.to_thread(client.get, "/healthz")

    assert code in {1002, 1006, 1007}
    assert answer.status == 200


async def test_a_client_that_does_not_read_delays_no_other(idle: Served) -> None:
    """Far more than any buffer holds: the one who reads has it all while the other has not taken a frame."""
    client = await asyncio.to_thread(account_of, idle)
    with stuck_watcher(client):
        async with watching(client, "all") as watch:
            tasks = [await asyncio.to_thread(client.submit, prompt="画" * 1024) for _ in range(80)]
            for task in tasks:
                await asyncio.to_thread(client.post, f"/task/{task}/cancel", {})
            ended: set[str] = set()
            while ended != set(tasks):
                frame = await next_frame(watch)
                ended |= {frame["data"]["task_id"]} if frame["event"] == "finalized" else set()
        answer = await asyncio.to_thread(client.get, "/healthz")

    assert answer.status == 200


@contextmanager
def stuck_watcher(client: Client) -> Iterator[None]:
    """Shakes hands and never reads again, with as small a buffer as there is."""
    host, _, port = client.url.removeprefix("http://").partition(":")
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        raw.connect((host, int(port)))
        lines = [f"GET {BASE}/task/watch/all HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        raw.sendall(("\r\n".join([*lines, f"Authorization: Bearer {client.key}"]) + "\r\n\r\n").encode())
        assert raw.recv(12) == b"HTTP/1.1 101"
        yield


async def test_two_hundred_watch_at_once(idle: Served) -> None:
    client = await asyncio.to_thread(account_of, idle)
    task = await asyncio.to_thread(client.submit)

    async def watch_it() -> tuple[list[Frame], int | None]:
        async with watching(client, task) as watch:
            first = await next_frame(watch)
            joined.release()
            rest, code = await to_the_end(watch)
            return [first, *rest], code

    joined = asyncio.Semaphore(0)
    watchers = [asyncio.create_task(watch_it()) for _ in range(200)]
    for _ in watchers:
        await asyncio.wait_for(joined.acquire(), TIMEOUT_S)
    await asyncio.to_thread(client.post, f"/task/{task}/cancel", {})
    seen = await asyncio.gather(*watchers)

    assert {frames[-1]["data"]["status"] for frames, _ in seen} == {"cancelled"}
    assert {code for _, code in seen} == {1000}


async def test_watches_over_the_limit_are_refused(data: Path) -> None:
    with serving(data, "--api-only", account_watches="2") as server:
        client = client_of(server)
        async with watching(client, "all"), watching(client, "all"):
            status, body, headers = await refusal(client, "all")
        async with watching(client, "all") as watch:
            await asyncio.to_thread(client.submit)
            frame = await next_frame(watch)

    assert (status, body["code"]) == (429, 1007)
    assert headers["retry-after"].isdigit()
    assert frame["data"]["status"] == "queued"


# --- ends that the server brings ----------------------------------------------------------------------------------


async def test_a_stopping_server_closes_its_watches(data: Path) -> None:
    with serving(data, "--api-only") as server:
        client = client_of(server)
        task = await asyncio.to_thread(client.submit)
        async with watching(client, "all") as all_, watching(client, task) as one:
            await asyncio.gather(next_frame(all_), next_frame(one))
            server.process.send_signal(signal.SIGTERM)
            ends = await asyncio.gather(to_the_end(all_), to_the_end(one))
        code = await asyncio.to_thread(server.process.wait, TIMEOUT_S)

    assert {close for _, close in ends} <= {1001, 1012}
    assert code == 0


async def test_a_revoked_key_s_watch_ends(served: Served) -> None:
    client = client_of(served)
    await asyncio.to_thread(served.cli, "accounts", "create", "lost-its-key")
    made = await asyncio.to_thread(served.cli, "keys", "create", "--account", "lost-its-key", "--scope", "read")
    async with watching(client.as_(made["key"]), "all") as watch:
        listed = await asyncio.to_thread(served.cli, "keys", "list", "--account", "lost-its-key")
        [key] = [each for each in listed if made["key"].startswith(each["hint"])]
        await asyncio.to_thread(served.cli, "keys", "revoke", key["id"])
        frames, code = await asyncio.wait_for(to_the_end(watch), TIMEOUT_S)

    assert (frames, code) == ([], 1008)


# --- several processes --------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A server that runs nothing, on a database that others may share. Nobody looks at the queue by himself."""
    more = {}
    if request.param == "postgres":
        server: Server = request.getfixturevalue("postgres_server")
        with server.database() as name:
            more["database_url"] = server.url(name)
            with serving(tmp_path / "data", "--api-only", sandbox_delay_s="1", poll_s="600", **more) as served:
                yield served
    else:
        with serving(tmp_path / "data", "--api-only", sandbox_delay_s="1", poll_s="600") as served:
            yield served


async def test_a_worker_in_another_process_is_watched(shared: Served) -> None:
    client = client_of(shared)
    with working(shared):
        async with watching(client, "all") as watch:
            task = await asyncio.to_thread(client.submit)
            frames = await until(watch, lambda frame: frame["event"] == "finalized")

    assert {frame["data"]["task_id"] for frame in frames} == {task}
    assert {"queued", "running", "success"} >= {frame["data"]["status"] for frame in frames} >= {"running", "success"}


async def test_a_cancel_reaches_the_worker_in_another_process(shared: Served) -> None:
    """The vendor takes ten minutes and the lease is renewed every five: the word goes from process to process."""
    client = client_of(shared)
    shared.environment.update(LIMNER_SANDBOX_DELAY_S="600", LIMNER_LEASE_S="900")
    with working(shared):
        task = await asyncio.to_thread(client.submit)
        async with watching(client, task) as watch:
            await until(watch, lambda frame: frame["data"]["status"] == "running")
            await asyncio.to_thread(client.post, f"/task/{task}/cancel", {})
            frames, code = await to_the_end(watch)

    assert (frames[-1]["data"]["status"], code) == ("cancelled", 1000)
