"""Rules of an operator: word lists, a judge over HTTP, appeals. By servers over strict emulators, through every API."""

import asyncio
import base64
import io
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from contract.client import newcomer
from limner.domain.webhook import signature
from limner_vendors import Vendors
from serving import Served, serving
from task_client import ENDS_WITHIN_S, call, run_task, submit, wait_for_end

SECRET = "a secret that both sides know"
MODEL = "flux.1_kontext_pro"
Answer = dict[str, Any] | None
ALLOW: Answer = {"allow": True}


@dataclass
class RealJudge:
    """A judge on loopback. It gives `verdict`; where that is None it is silent until `released`."""

    verdict: Callable[[dict[str, Any]], Answer] = lambda _: ALLOW
    asked: list[dict[str, Any]] = field(default_factory=list)
    signed: list[bool] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def settings(self) -> dict[str, str]:
        address = {"judge_url": f"http://127.0.0.1:{self.port}/judge", "judge_allow": f"127.0.0.1:{self.port}"}
        return address | {"judge_secret": SECRET, "judge_timeout_s": "30"}

    def of(self, stage: str) -> list[dict[str, Any]]:
        return [each for each in self.asked if each["stage"] == stage]


@contextmanager
def judging() -> Iterator[RealJudge]:
    judge = RealJudge()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            expected = signature(
                SECRET.encode(), self.headers["webhook-id"], int(self.headers["webhook-timestamp"]), body
            )
            judge.signed.append(self.headers["webhook-signature"] == expected)
            question = json.loads(body)
            judge.asked.append(question)
            judge.arrived.set()
            verdict = judge.verdict(question)
            if verdict is None:
                judge.released.wait(60)
                return
            sent = json.dumps(verdict).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        judge.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield judge
        finally:
            judge.released.set()
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
async def emulators() -> AsyncIterator[Vendors]:
    async with Vendors.running(["bfl", "openai"]) as emulators:
        yield emulators


@pytest.fixture
def judge() -> Iterator[RealJudge]:
    with judging() as judge:
        yield judge


@asynccontextmanager
async def server(data: Path, emulators: Vendors, **settings: str) -> AsyncIterator[Served]:
    running = serving(data, vendors=emulators.environment(), a1111="true", **settings)
    served = await asyncio.to_thread(running.__enter__)
    try:
        yield served
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def asked(
    served: Served, method: str, path: str, body: Any = None, key: str | None = None
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key or served.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, served.url + path, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


async def balance(served: Served) -> tuple[int, int]:
    data = (await call(served, "/user/balance"))["data"]
    return data["balance"], data["frozen"]


@pytest.fixture(scope="module")
async def strict(emulators: Vendors, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server whose first account may not ask for badgers."""
    async with server(tmp_path_factory.mktemp("strict") / "data", emulators) as served:
        await asyncio.to_thread(served.cli, "moderation", "set-words", "local", "badger*", "evil twin", "裸体")
        yield served


PROMPT = "a portrait of two Badgers"
FACES = {
    "v2": ("/v2/openapi/task", {"type": "generate_image", "prompt": PROMPT}, 400),
    "v3": ("/v3/generation/text-to-image", {"prompt": PROMPT}, 400),
    "OpenAI": ("/v1/images/generations", {"prompt": PROMPT}, 400),
    "A1111": ("/sdapi/v1/txt2img", {"prompt": PROMPT}, 422),
}


@pytest.mark.parametrize("face", FACES)
async def test_every_api_refuses_a_word_in_its_own_form_and_nothing_is_held(
    strict: Served, emulators: Vendors, face: str
) -> None:
    path, body, status = FACES[face]
    before, bought = await balance(strict), len(emulators.purchases("bfl"))
    got, said = await asked(strict, "POST", path, body)

    assert got == status, said
    assert "badger" in json.dumps(said)
    if face in {"v2", "v3"}:
        assert said["code"] == 2008
    if face == "OpenAI":
        assert (said["error"]["type"], said["error"]["code"]) == ("image_generation_user_error", "moderation_blocked")
    assert await balance(strict) == before
    assert len(emulators.purchases("bfl")) == bought


async def test_words_are_found_however_they_are_written_and_only_as_words(strict: Served) -> None:
    async def status(prompt: str) -> int:
        return (await asked(strict, "POST", "/v2/openapi/task", {"type": "generate_image", "prompt": prompt}))[0]

    refused = ["BADGERING", "ｂａｄｇｅｒ", "bad\u200bger", "an evil\n twin", "一张裸体照片"]
    assert [await status(each) for each in refused] == [400] * len(refused)
    assert await status("a honeybadgerless plain") == 200


async def test_a_list_holds_for_its_account_alone_and_the_star_for_all(strict: Served) -> None:
    other = await asyncio.to_thread(newcomer, strict)
    body = {"type": "generate_image", "prompt": PROMPT}
    assert (await asked(strict, "POST", "/v2/openapi/task", body, other.key))[0] == 200

    await asyncio.to_thread(strict.cli, "moderation", "set-words", "*", "wolverine")
    await until_refused(strict, "a wolverine")
    status, _ = await asked(strict, "POST", "/v2/openapi/task", body | {"prompt": "a wolverine"}, other.key)
    await asyncio.to_thread(strict.cli, "moderation", "set-words", "*")
    assert status == 400


async def test_a_refusal_is_appealed_and_answered_once_by_its_own_account(strict: Served) -> None:
    other = await asyncio.to_thread(newcomer, strict)
    await asked(strict, "POST", "/v2/openapi/task", {"type": "generate_image", "prompt": "a badger to appeal"})
    _, listed = await asked(strict, "GET", "/v1/refusals")
    newest = listed["data"]["rows"][0]
    path = f"/v1/refusals/{newest['id']}"
    assert (newest["stage"], newest["prompt"], newest["decision"]) == ("words", "a badger to appeal", None)

    foreign = [await asked(strict, method, path + end, {"text": "x"}, other.key) for method, end in _ASKED]
    first, second = [await asked(strict, "POST", f"{path}/appeal", {"text": "It is an animal."}) for _ in range(2)]
    waiting = await asyncio.to_thread(strict.cli, "moderation", "log", "--appeals")
    answer = ("moderation", "answer", newest["id"], "overturned", "You are right; the list was changed.")
    await asyncio.to_thread(strict.cli, *answer)
    again = await asyncio.to_thread(lambda: strict.cli(*answer, check=False))
    _, read = await asked(strict, "GET", path)
    acts = [each["act"] for each in await asyncio.to_thread(strict.cli, "audit")]

    assert [status for status, _ in foreign] == [404, 404]
    assert (first[0], second[0]) == (200, 400)
    assert newest["id"] in [each["id"] for each in waiting]
    assert "error" in again or "no appeal waits" in json.dumps(again)
    assert (read["data"]["decision"], read["data"]["answer"]) == ("overturned", "You are right; the list was changed.")
    assert {"moderation.words", "moderation.answer"} <= set(acts)


_ASKED = (("GET", ""), ("POST", "/appeal"))


async def test_operators_do_the_same_over_their_api(strict: Served) -> None:
    key = (await asyncio.to_thread(strict.cli, "keys", "create", "--name", "op", "--scope", "admin"))["key"]
    await asyncio.to_thread(strict.cli, "accounts", "create", "lists")
    path = "/admin/accounts/lists/words"
    _, kept = await asked(strict, "POST", path, {"words": [" Ham ", "ham", "eggs*"]}, key)
    _, read = await asked(strict, "GET", path, None, key)
    bad = [await asked(strict, "POST", path, {"words": words}, key) for words in (["x" * 101], ["**"], ["a"] * 2_001)]
    _, listed = await asked(strict, "GET", "/admin/refusals", None, key)
    unknown, _ = await asked(strict, "POST", "/admin/refusals/no/answer", {"decision": "upheld", "text": "x"}, key)

    assert kept["data"]["words"] == read["data"]["words"] == ["ham", "eggs*"]
    assert [status for status, _ in bad] == [400, 400, 400]
    assert all("account" in each for each in listed["data"]["rows"])
    assert unknown == 404


async def test_what_the_judge_refuses_before_ordering_is_neither_held_nor_bought(
    emulators: Vendors, judge: RealJudge, tmp_path: Path
) -> None:
    judge.verdict = lambda _: {"allow": False, "reason": "No politics.", "categories": ["politics"]}
    async with server(tmp_path / "data", emulators, **judge.settings) as served:
        before, bought = await balance(served), len(emulators.purchases("bfl"))
        body = {"type": "generate_image", "prompt": "a rally", "model_version": MODEL}
        status, said = await asked(served, "POST", "/v2/openapi/task", body)
        after = await balance(served)

    assert (status, said["code"]) == (400, 2008)
    assert "No politics. (politics)" in json.dumps(said)
    assert (after, len(emulators.purchases("bfl"))) == (before, bought)
    [question] = judge.asked
    assert (question["stage"], question["texts"], question["model"]) == ("order", ["a rally"], MODEL)
    assert judge.signed == [True]


async def test_what_the_judge_refuses_before_delivery_is_paid_and_not_handed_out(
    emulators: Vendors, judge: RealJudge, tmp_path: Path
) -> None:
    judge.verdict = lambda asked: {"allow": asked["stage"] == "order", "reason": "Gore.", "categories": ["violence"]}
    async with server(tmp_path / "data", emulators, **judge.settings) as served:
        before, bought = await balance(served), len(emulators.purchases("bfl"))
        task_id = await submit(served, MODEL, prompt="a butcher")
        task = await wait_for_end(served, task_id)
        after = await balance(served)
        closed = [
            (await asked(served, "GET", f"/v2/openapi/task/{task_id}/original"))[0],
            (await fetched(f"{served.url}/thumbs/{task_id}.webp", served.key))[0],
        ]
        _, listed = await asked(served, "GET", "/v1/refusals")

    assert (task["status"], task["error_code"]) == ("banned", 2008)
    assert "withheld by the judge of this service: Gore. (violence); the picture was made and paid" in task["error_msg"]
    assert "you are not charged" in task["error_msg"]
    assert not task.get("output", {}).get("generated_image")
    assert len(emulators.purchases("bfl")) == bought + 1
    assert after == before
    assert closed == [404, 404]
    assert [(each["stage"], each["task"]) for each in listed["data"]["rows"]] == [("delivery", task_id)]
    [question] = judge.of("delivery")
    with Image.open(io.BytesIO(base64.b64decode(question["picture"]["data"]))) as shown:
        assert max(shown.size) <= 640
    assert all(judge.signed)


async def test_of_several_pictures_those_that_were_allowed_are_handed_out(
    emulators: Vendors, judge: RealJudge, tmp_path: Path
) -> None:
    seen: list[str] = []

    def verdict(asked: dict[str, Any]) -> Answer:
        if asked["stage"] == "delivery":
            seen.append(asked["picture"]["sha256"])
        return {"allow": len(seen) != 1, "reason": "Not this one."}

    judge.verdict = verdict
    async with server(tmp_path / "data", emulators, **judge.settings) as served:
        before = await balance(served)
        task = await run_task(served, MODEL, prompt="three herons", n=3)
        after = await balance(served)

    assert task["status"] == "success"
    assert "2 of 3 pictures were made; then: withheld" in task["error_msg"]
    assert len(task["output"]["generated_images"]) == 2
    assert before[0] - after[0] == task["consumed_credit"]


@pytest.mark.parametrize(("policy", "status"), [("refuse", 400), ("allow", 200)])
async def test_without_a_verdict_the_policy_decides(
    emulators: Vendors, judge: RealJudge, tmp_path: Path, policy: str, status: int
) -> None:
    judge.verdict = lambda _: {"nothing": "of use"}
    async with server(tmp_path / "data", emulators, **judge.settings, judge_on_timeout=policy) as served:
        body = {"type": "generate_image", "prompt": "a heron", "model_version": MODEL}
        got, said = await asked(served, "POST", "/v2/openapi/task", body)
        if got == 200:
            task = await wait_for_end(served, said["data"]["task_id"])
            assert task["status"] == "success"

    assert got == status


async def test_a_task_waits_for_its_verdict_where_that_is_the_policy(
    emulators: Vendors, judge: RealJudge, tmp_path: Path
) -> None:
    is_well = threading.Event()
    judge.verdict = lambda _: ALLOW if is_well.is_set() else {"nothing": "of use"}
    async with server(tmp_path / "data", emulators, **judge.settings, judge_on_timeout="wait") as served:
        bought = len(emulators.purchases("bfl"))
        task_id = await submit(served, MODEL, prompt="a heron")
        waiting = await until_it_says(served, task_id, "waits for the verdict")
        meanwhile = len(emulators.purchases("bfl")) - bought
        is_well.set()
        task = await wait_for_end(served, task_id)

    assert (waiting["status"], meanwhile) == ("running", 0)
    assert (task["status"], task.get("error_msg")) == ("success", None)


async def test_a_worker_killed_while_the_judge_looks_neither_buys_twice_nor_delivers_unjudged(
    emulators: Vendors, judge: RealJudge, tmp_path: Path
) -> None:
    judge.verdict = lambda asked: ALLOW if asked["stage"] == "order" else None
    settings, bought = judge.settings | {"lease_s": "2"}, len(emulators.purchases("bfl"))
    async with server(tmp_path / "data", emulators, **settings) as served:
        task_id = await submit(served, MODEL, prompt="a heron")
        await asyncio.to_thread(until, lambda: bool(judge.of("delivery")), judge.arrived)
        before = (await call(served, f"/task/{task_id}"))["data"]
        await asyncio.to_thread(served.kill)
        key = served.key
    judge.verdict = lambda _: {"allow": False, "reason": "Second look."}
    judge.released.set()
    async with server(tmp_path / "data", emulators, **settings) as served:
        task = await ended(served, task_id, key or "")

    assert before["status"] == "running"
    assert (task["status"], len(emulators.purchases("bfl"))) == ("banned", bought + 1)
    assert "Second look." in task["error_msg"]
    assert len(judge.of("delivery")) >= 2


def until(is_so: Callable[[], bool], changed: threading.Event) -> None:
    while not is_so():
        changed.clear()
        if not is_so():
            assert changed.wait(ENDS_WITHIN_S)


async def until_refused(served: Served, prompt: str) -> None:
    """Lists are read once in a second."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            status, said = await asked(served, "POST", "/v3/generation/text-to-image", {"prompt": prompt})
            if (status, said["code"]) == (400, 2008):
                return
            await asyncio.sleep(0.2)


async def ended(served: Served, task_id: str, key: str) -> dict[str, Any]:
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            _, body = await asked(served, "GET", f"/v2/openapi/task/{task_id}", None, key)
            task: dict[str, Any] = body["data"]
            if task["status"] not in {"queued", "running"}:
                return task
            await asyncio.sleep(0.05)


async def until_it_says(served: Served, task_id: str, text: str) -> dict[str, Any]:
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            task: dict[str, Any] = (await call(served, f"/task/{task_id}"))["data"]
            if text in (task.get("error_msg") or ""):
                return task
            await asyncio.sleep(0.05)


async def fetched(url: str, key: str | None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_a_vendor_s_verdict_is_in_the_log_with_what_it_said(strict: Served) -> None:
    task = await run_task(strict, MODEL, prompt="a red bicycle #fault:moderated")
    _, listed = await asked(strict, "GET", "/v1/refusals")
    logged = next(each for each in listed["data"]["rows"] if each["task"] == task["task_id"])

    assert (logged["stage"], logged["id"]) == ("vendor", task["task_id"])
    assert logged["reason"] == task["error_msg"]
