"""A public URL with a path, behind proxies that pass the path on and behind those that remove it."""

import http.client
import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from contract.client import PICTURE, Client
from serving import Served, serving

PATH = "/images/limner"


@pytest.fixture(scope="module", params=["passes the path on", "removes the path"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """A server behind a reverse proxy, and its public URL."""
    port = free_port()
    forward = forwarding_to(port, removes=request.param == "removes the path")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), forward) as proxy:
        public = f"http://127.0.0.1:{proxy.server_port}{PATH}"
        data = tmp_path_factory.mktemp("path") / "data"
        with serving(data, "--port", str(port), public_url=public) as server:
            thread = threading.Thread(target=proxy.serve_forever)
            thread.start()
            yield server, public
            proxy.shutdown()
            thread.join()


def test_a_task_its_picture_and_the_pages_are_reached(served: tuple[Served, str]) -> None:
    server, public = served
    client = Client(public, server.key)

    link = client.done()["output"]["generated_image"]

    assert link.startswith(f"{public}/files/")
    assert client.get(link, auth=False).status == 200
    assert client.get("/", auth=False).headers["Location"] == urlsplit(public).path + "/studio"
    assert b"Limner" in client.get("/studio/sign-in", auth=False).body
    assert client.get("/docs", auth=False).status == 200


def test_an_s3_client_uploads_below_the_path(served: tuple[Served, str]) -> None:
    server, public = served
    client = Client(public, server.key)
    made = client.post("/upload/sts/token", {"format": "png"}).data
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://{made['s3_host']}",
        region_name="us-west-2",
        aws_access_key_id=made["sts_ak"],
        aws_secret_access_key=made["sts_sk"],
        aws_session_token=made["session_token"],
    )
    s3.put_object(Bucket=made["resource_bucket"], Key=made["resource_uri"], Body=PICTURE)
    s3.close()

    task = client.done(file={"object": {"bucket": made["resource_bucket"], "key": made["resource_uri"]}})
    assert made["s3_host"] == public.removeprefix("http://")
    assert task["status"] == "success"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def forwarding_to(port: int, *, removes: bool) -> type[http.server.BaseHTTPRequestHandler]:
    class Forward(http.server.BaseHTTPRequestHandler):
        def forward(self) -> None:
            path = self.path.removeprefix(PATH) if removes else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, path or "/", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_POST = do_PUT = do_HEAD = forward  # noqa: N815 - the names that http.server calls

        def log_message(self, *_arguments: Any) -> None:
            """Keep the output of the tests clean."""

    return Forward
