"""No secret is in the log or in what `limner tasks explain` tells, whatever goes wrong and however much is logged."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contract.client import BASE, Client, client_of
from contract.wire import wire
from serving import Served, serving

VENDORS = {
    "BFL_API_KEY": "bfl-key-that-nobody-shall-see-0001",
    "OPENAI_API_KEY": "openai/key+that=nobody%shall-see-0002",
    "GEMINI_API_KEY": 'gemini"key"that-nobody-shall-see-0003',
    "LIMNER_MIDJOURNEY_SECRET": "midjourney-secret-nobody-sees-0004",
    "LIMNER_SECRET": "the-service's-own-secret-nobody-shall-see-0005",
    "AWS_SECRET_ACCESS_KEY": "aws-secret-that-nobody-shall-see-0006",
}
MODELS = ("flux.1_kontext_pro", "gpt_image_2", "gemini_2.5_flash_image_preview", "midjourney")
GUESS = "tsk_a-wrong-key-that-may-be-a-good-one-elsewhere"


class Parrot(BaseHTTPRequestHandler):
    """A vendor, or a receiver of webhooks, that says no and repeats all it was told."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        reported = " ".join((self.path, *self.headers.values(), self.rfile.read(length).decode(errors="replace")))
        body = json.dumps(
            {"error": {"message": reported}, "detail": reported, "description": reported, "code": 4}
        ).encode()
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-request-id", self.headers.get("authorization", "none")[:900])
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


@contextmanager
def parrot() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def misled(url: str) -> dict[str, str]:
    bases = ("BFL_BASE_URL", "OPENAI_BASE_URL", "GEMINI_BASE_URL", "LIMNER_MIDJOURNEY_URL")
    return VENDORS | dict.fromkeys(bases, url)


def try_everything(served: Served, webhook: Mapping[str, Any]) -> list[str]:
    """The tasks that came of it."""
    client = client_of(served)
    for key in (None, GUESS, f"{client.key}x"):
        Client(served.url, key).create()
    client.get(f"{BASE}/task/{client.key}?authorization={client.key}")
    client.post("/task", json.dumps({"type": "generate_image", "prompt": f"my key is {client.key}"}).encode()[:-1])
    with wire(served) as line:  # the client leaves in the middle of its body
        line.send(line.post("Content-Length: 1000") + b"{")
    tasks = [client.submit(model_version=model, prompt=f"a fox, {webhook['secret']}") for model in MODELS]
    for task in tasks:
        assert client.wait(task)["status"] in {"failed", "banned"}
    served.cli("webhooks", "test", webhook["webhook"], check=False)
    return tasks


def test_no_secret_is_in_the_log_or_in_what_is_explained(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with parrot() as url:
        settings = {"log_level": "debug", "fetch_allow": "127.0.0.1"}
        with serving(tmp_path / "data", vendors=misled(url), log=log, **settings) as served:
            webhook = served.cli("webhooks", "add", f"{url}/hooks")
            tasks = try_everything(served, webhook)
            reported = [served.cli("tasks", "explain", task) for task in tasks]
            explained = json.dumps(reported, ensure_ascii=False)
    secrets = {*VENDORS.values(), str(served.key), GUESS, str(webhook["secret"])}
    spellings = {each for secret in secrets for each in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])}

    logged = log.read_text()
    assert logged.count("task ended") == len(MODELS)
    assert [each for each in spellings if each in logged] == []
    asked_for = {webhook["secret"]}  # the caller's own words are shown as they are
    assert [each for each in spellings - asked_for if each in explained] == []
    assert explained.count("[…]") >= len(MODELS) - 1
