"""Every tool, called by the published MCP client over both transports and both protocols."""

import asyncio
import base64
import io
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ImageContent, ResourceLink, TextContent
from PIL import Image

from agents.connections import CONNECTIONS, MODES, FollowsTasks, ask_of_task, cancel, over_http, over_stdio, until_ended
from contract.client import PICTURE, newcomer
from limner_client import AsyncLimnerClient
from serving import Served, serving

pytestmark = pytest.mark.usefixtures("server")  # its start makes the empty database, which must not block a loop
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    """The host and port of a site that has a picture, the only inner address that the server may fetch from."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PICTURE)

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - as it is named there

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"127.0.0.1:{site.server_port}"
        site.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server(pictures: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("agents") / "data", mcp="true", fetch_allow=pictures) as running:
        yield running


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose tasks stay in the queue."""
    with serving(tmp_path_factory.mktemp("idle") / "data", "--api-only", mcp="true") as running:
        yield running


@pytest.fixture(params=[(name, mode) for name in CONNECTIONS for mode in MODES], ids="-".join)
def connect(request: pytest.FixtureRequest, server: Served, tmp_path: Path) -> Any:
    name, mode = request.param
    return partial(CONNECTIONS[name], server, newcomer(server).key, tmp_path, mode=mode)


def said(result: CallToolResult) -> str:
    return "\n".join(each.text for each in result.content if isinstance(each, TextContent))


def facts(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, said(result)
    found: dict[str, Any] = result.structured_content
    return found


async def new_key(served: Served) -> str:
    """The key of a new account."""
    return (await asyncio.to_thread(newcomer, served)).key


async def test_every_tool_is_walked(connect: Any) -> None:
    async with connect() as agent:
        listed = {tool.name for tool in (await agent.list_tools()).tools}
        models = facts(await agent.call_tool("list_models"))["models"]
        templates = facts(await agent.call_tool("list_templates"))["templates"]
        quoted = facts(await agent.call_tool("quote", {"prompt": "a cat", "template": "figure"}))
        made = await agent.call_tool("generate_image", {"prompt": "a cat in the snow", "wait_s": 25})
        task = facts(made)["task_id"]
        read = facts(await agent.call_tool("get_task", {"task_id": task}))
        waited = facts(await agent.call_tool("wait_task", {"task_id": task, "preview": False}))
        cancelled = facts(await agent.call_tool("cancel_task", {"task_id": task}))

    assert listed == {
        "generate_image",
        "get_task",
        "wait_task",
        "cancel_task",
        "list_models",
        "list_templates",
        "quote",
    }
    assert {"gpt_image_2"} <= {each["model_version"] for each in models}
    assert "figure" in {each["template"] for each in templates}
    assert quoted["price"] > 0
    assert read["status"] == waited["status"] == cancelled["status"] == "success"
    [link] = [each for each in made.content if isinstance(each, ResourceLink)]
    [preview] = [each for each in made.content if isinstance(each, ImageContent)]
    assert link.mime_type == "image/png"
    assert link.size == len(httpx2.get(str(link.uri)).content)
    with Image.open(io.BytesIO(base64.b64decode(preview.data))) as shown:
        assert max(shown.size) <= 512


@pytest.mark.parametrize("name", list(CONNECTIONS))
async def test_references_are_tasks_uploads_links_and_data(
    server: Served, pictures: str, tmp_path: Path, name: str
) -> None:
    data = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
    newcome = await asyncio.to_thread(newcomer, server)
    async with AsyncLimnerClient(server.url, newcome.key) as client:
        uploaded = await client.upload(PICTURE)
    async with CONNECTIONS[name](server, newcome.key, tmp_path) as agent:
        first = facts(await agent.call_tool("generate_image", {"prompt": "a fox", "wait_s": 25}))["task_id"]
        given = [f"task:{first}", f"upload:{uploaded.token}", f"http://{pictures}/cat.png", data]
        asked = {"prompt": "image[1] as image[4]", "references": given, "model": "gpt_image_2", "wait_s": 25}
        second = facts(await agent.call_tool("generate_image", asked))

    files = newcome.task(second["task_id"])["input"]["files"]
    assert second["status"] == "success"
    assert uploaded.token in str(files[1])
    assert files[2] == {"url": given[2]}
    assert len(files) == 4


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("generate_image", {"prompt": "a cat", "model": "gpt_image_3"}, "gpt_image_2"),
        ("generate_image", {"prompt": "a cat", "template": "figur"}, "Did you mean 'figure'"),
        ("generate_image", {"prompt": "a cat 🐈"}, "emoji"),
        ("generate_image", {"prompt": "a cat", "references": ["../../etc/passwd"]}, "picture"),
        ("generate_image", {"prompt": "a cat", "references": [f"task:{NOBODY}"]}, "task"),
        ("generate_image", {"prompt": "a cat", "references": ["data:image/png;base64,%%"]}, "base64"),
        ("generate_image", {"prompt": "a cat", "references": ["data:image/png;base64,QUJD"]}, "picture"),
        ("generate_image", {"prompt": "a cat", "references": [f"upload:{NOBODY}"]}, "not found"),
        ("generate_image", {"prompt": "a cat", "references": ["ftp://example.com/a.png"]}, "https://"),
        ("generate_image", {"prompt": "image[2]", "references": []}, "image[2]"),
        ("get_task", {"task_id": NOBODY}, "task"),
        ("wait_task", {"task_id": NOBODY}, NOBODY),
        ("generate_image", {"prompt": "a cat", "n": 99}, "10"),
    ],
)
async def test_a_wrong_call_is_told_in_a_sentence(
    server: Served, tmp_path: Path, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    async with over_http(server, await new_key(server), tmp_path) as agent:
        result = await agent.call_tool(tool, arguments)

    assert result.is_error
    assert sentence in said(result)
    assert "Traceback" not in said(result)


async def test_a_link_to_an_inner_address_is_a_tool_error(server: Served, tmp_path: Path) -> None:
    newcome = await asyncio.to_thread(newcomer, server)
    links = ["http://127.0.0.1:9/a.png", "http://169.254.169.254/latest", "http://[::1]/a.png"]
    asked = [{"prompt": "it", "references": [link], "model": "gpt_image_2", "wait_s": 25} for link in links]
    async with over_http(server, newcome.key, tmp_path) as agent:
        results = await asyncio.gather(*(agent.call_tool("generate_image", each) for each in asked))

    assert all(result.is_error for result in results)
    for result in results:
        assert "is not on the public internet" in said(result)
        assert said(result).endswith("it. Nothing was charged. Use another reference picture.")
    assert newcome.get("/v2/openapi/user/balance").data["balance"] == 1000


async def test_a_picture_over_the_cap_is_a_tool_error(server: Served, tmp_path: Path) -> None:
    data = "data:image/png;base64," + base64.b64encode(PICTURE + bytes(20 * 1024 * 1024)).decode()
    async with over_http(server, await new_key(server), tmp_path) as agent:
        result = await agent.call_tool("generate_image", {"prompt": "it", "references": [data]})

    assert result.is_error
    assert "20 MB" in said(result)


async def test_files_are_read_in_allowed_folders_alone(server: Served, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    for folder in (inside, outside):
        (folder / "own.png").write_bytes(PICTURE)
    (inside / "link.png").symlink_to(outside / "own.png")
    (inside / "large.png").write_bytes(bytes(21 * 1024 * 1024))

    async def ask(agent: Client, name: str) -> CallToolResult:
        asked = {"prompt": "it", "references": [name], "model": "gpt_image_2", "wait_s": 25}
        return await agent.call_tool("generate_image", asked)

    async with over_stdio(server, await new_key(server), inside) as agent:
        good = facts(await ask(agent, "own.png"))
        absolute = facts(await ask(agent, str(inside / "own.png")))
        wrong = [
            said(await ask(agent, name))
            for name in (str(outside / "own.png"), "../outside/own.png", "link.png", "large.png", "no.png", ".")
        ]
    async with over_stdio(server, await new_key(server), inside, "--folder", str(outside)) as agent:
        allowed = facts(await ask(agent, str(outside / "own.png")))

    assert good["status"] == absolute["status"] == allowed["status"] == "success"
    assert all("not in a folder that may be read" in each for each in wrong[:3])
    assert "20" in wrong[3]
    assert "There is no file" in wrong[4]


async def test_a_session_spends_no_more_than_it_may(server: Served, tmp_path: Path) -> None:
    newcome = await asyncio.to_thread(newcomer, server)
    async with over_stdio(server, newcome.key, tmp_path, "--credits", "8") as agent:
        cheap = {"prompt": "a cat", "model": "flux.1_kontext_pro", "wait_s": 25}
        first = facts(await agent.call_tool("generate_image", cheap))
        second = await agent.call_tool("generate_image", cheap)
        left = facts(await agent.call_tool("quote", {"prompt": "a cat"}))["session_credits_left"]

    assert first["credits"] == 5
    assert second.is_error
    assert "3 of the 8 credits of this session are left" in said(second)
    assert left == 3
    assert len(newcome.get("/v2/openapi/tasks").data["tasks"]) == 1


async def test_the_credits_of_a_key_are_a_cap_over_http(server: Served, tmp_path: Path) -> None:
    """HTTP has no sessions: a key of its own is a session's cap, which also outlives the server."""
    made = await asyncio.to_thread(server.cli, "keys", "create", "--name", "one session", "--credits", "8")
    async with over_http(server, made["key"], tmp_path) as agent:
        cheap = {"prompt": "a cat", "model": "flux.1_kontext_pro", "wait_s": 25}
        first = facts(await agent.call_tool("generate_image", cheap))
        second = await agent.call_tool("generate_image", cheap)

    assert first["credits"] == 5
    assert second.is_error
    assert "the key may spend 3 more" in said(second)
    assert "Nothing was spent" in said(second)


@pytest.mark.parametrize("name", list(CONNECTIONS))
async def test_tasks_outlive_a_restart_with_the_extension_and_without(tmp_path: Path, name: str) -> None:
    with serving(tmp_path / "data", "--api-only", mcp="true") as first:
        key, port = await new_key(first), first.url.rpartition(":")[2]
        connect = partial(CONNECTIONS[name], first, key, tmp_path)
        async with connect(extensions=[FollowsTasks()]) as agent, connect(mode=MODES[0]) as plain:
            handle = await agent.session.call_tool("generate_image", {"prompt": "a cat"}, allow_claimed=True)
            begun = facts(await plain.call_tool("generate_image", {"prompt": "a hen", "wait_s": 0}))
            first.kill()
            with serving(tmp_path / "data", "--port", port, mcp="true"):
                task = await until_ended(agent.session, handle.task_id)
                called = await agent.call_tool("generate_image", {"prompt": "a dog"})
                with pytest.raises(MCPError):
                    await ask_of_task(agent.session, "tasks/get", NOBODY)
                waited = facts(await plain.call_tool("wait_task", {"task_id": begun["task_id"], "wait_s": 25}))

    assert (handle.status, begun["status"]) == ("working", "queued")
    assert task.status == "completed"
    assert facts(CallToolResult.model_validate(task.result))["status"] == "success"
    assert facts(called)["status"] == waited["status"] == "success"


async def test_a_task_is_cancelled_by_the_extension(idle: Served, tmp_path: Path) -> None:
    async with over_http(idle, await new_key(idle), tmp_path, extensions=[FollowsTasks()]) as agent:
        handle = await agent.session.call_tool("generate_image", {"prompt": "a cat"}, allow_claimed=True)
        await cancel(agent.session, handle.task_id)
        task = await ask_of_task(agent.session, "tasks/get", handle.task_id)

    assert task.status == "cancelled"


@pytest.mark.parametrize("name", list(CONNECTIONS))
async def test_a_cancelled_wait_leaves_the_task_and_its_id_was_told(idle: Served, tmp_path: Path, name: str) -> None:
    told: list[str] = []
    reported = asyncio.Event()

    async def progress(_done: float, _all: float | None, message: str | None) -> None:
        told.append(message or "")
        reported.set()

    newcome = await asyncio.to_thread(newcomer, idle)
    async with CONNECTIONS[name](idle, newcome.key, tmp_path) as agent:
        asked = {"prompt": "a cat", "wait_s": 25}
        call = asyncio.create_task(agent.call_tool("generate_image", asked, progress_callback=progress))
        await reported.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    [task] = newcome.get("/v2/openapi/tasks").data["tasks"]

    assert task["status"] == "queued"
    assert task["task_id"] in told[0]


async def test_without_a_good_key_nothing_is_read(server: Served) -> None:
    async with httpx2.AsyncClient() as http:
        none = await http.post(f"{server.url}/mcp", json={})
        wrong = await http.post(f"{server.url}/mcp", json={}, headers={"Authorization": "Bearer tsk_wrong"})

    assert {none.status_code, wrong.status_code} == {401}
    assert none.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", list(CONNECTIONS))
async def test_another_accounts_task_is_not_found(idle: Served, tmp_path: Path, name: str) -> None:
    owner = await asyncio.to_thread(newcomer, idle)
    task = await asyncio.to_thread(owner.submit)
    async with CONNECTIONS[name](idle, await new_key(idle), tmp_path) as outsider:
        asked = [(tool, {"task_id": task}) for tool in ("get_task", "wait_task", "cancel_task")]
        asked.append(("generate_image", {"prompt": "a cat", "references": [f"task:{task}"]}))
        results = [await outsider.call_tool(tool, arguments) for tool, arguments in asked]

    assert all(result.is_error for result in results)
    assert all("not found" in said(result).lower() for result in results)
    assert owner.task(task)["status"] == "queued"


async def test_two_hundred_calls_at_once_are_all_answered(idle: Served, tmp_path: Path) -> None:
    newcome = await asyncio.to_thread(newcomer, idle)
    async with over_http(idle, newcome.key, tmp_path) as agent:
        reads = [agent.call_tool("list_templates") for _ in range(100)]
        makes = [agent.call_tool("generate_image", {"prompt": "a cat", "wait_s": 0}) for _ in range(100)]
        answers = await asyncio.gather(*reads, *makes)

    refused = [said(answer) for answer in answers[100:] if answer.is_error]
    assert not any(answer.is_error for answer in answers[:100])
    assert len(newcome.get("/v2/openapi/tasks").data["tasks"]) == 100 - len(refused) == 10
    assert all("Nothing was spent" in each and "try again" in each.lower() for each in refused), refused[0]
