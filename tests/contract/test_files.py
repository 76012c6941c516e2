"""Finished pictures behind their links."""

import hashlib
import io
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from contract.client import Client, client_of
from limner.providers.sandbox import card
from serving import Served, serving

ENDLESS = ["bytes=" + "9" * 10_000 + "-", "bytes=0-" + "9" * 10_000, "bytes=-" + "9" * 10_000]


@dataclass(frozen=True)
class Shown:
    client: Client
    url: str
    picture: bytes

    @property
    def path(self) -> str:
        return self.url.partition("?")[0]

    @property
    def query(self) -> str:
        return self.url.partition("?")[2]


@pytest.fixture(scope="module")
def shown(client: Client) -> Shown:
    """A finished picture and what it has to be, byte for byte."""
    url = client.done(prompt="a picture to fetch")["output"]["generated_image"]
    return Shown(client.as_(None), url, client.get(url).body)


def test_the_picture_is_the_one_that_was_made(shown: Shown) -> None:
    assert pixels(shown.picture) == pixels(card("a picture to fetch"))


def test_the_picture_says_how_it_was_made(client: Client, shown: Shown, inline: dict[str, str]) -> None:
    """The sandbox draws by rule: no trained model is named."""
    url = client.done(prompt="a picture of a picture", model_version="gpt_4o", file=inline)["output"]["generated_image"]

    assert shown.client.get(shown.url).headers["X-Limner-Mark"] == "added"
    assert b"digitalsourcetype/algorithmicMedia" in shown.picture
    assert b"digitalsourcetype/compositeSynthetic" in client.get(url).body
    assert b"AISystemUsed" not in shown.picture


def test_the_stored_picture_is_the_one_that_was_made(served: Served, shown: Shown) -> None:
    made = card("a picture to fetch")
    name = hashlib.sha256(made).hexdigest()

    assert (served.data / "blobs" / "sha256" / name[:2] / name).read_bytes() == made


def test_marks_can_be_switched_off(data: Path) -> None:
    with serving(data, mark_images="false") as server:
        client = client_of(server)
        answer = client.get(client.done(prompt="unmarked")["output"]["generated_image"])

    assert answer.body == card("unmarked")
    assert answer.headers["X-Limner-Mark"] == "none"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


def test_a_link_works_without_a_key_and_with_any(client: Client, other_client: Client, shown: Shown) -> None:
    callers = [client, other_client, client.as_(None), client.as_("tsk_nonsense")]

    assert [caller.get(shown.url).body for caller in callers] == [shown.picture] * 4


def test_a_picture_has_its_media_type(shown: Shown) -> None:
    headers = shown.client.get(shown.url).headers

    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Length"] == str(len(shown.picture))
    assert headers["Accept-Ranges"] == "bytes"
    made = hashlib.sha256(card("a picture to fetch")).hexdigest()
    assert re.fullmatch(f'"{made}-[0-9a-f]{{16}}"', headers["ETag"])
    assert headers["Cache-Control"].startswith("private")


def test_a_picture_is_shown_as_what_it_is_and_never_run(shown: Shown) -> None:
    headers = shown.client.get(shown.url).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Disposition"] == 'inline; filename="generated_image.png"'


def changed(text: str, at: int) -> str:
    return text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]


@pytest.mark.parametrize("at", range(0, 160, 7))
def test_a_link_that_was_changed_anywhere_is_refused(shown: Shown, at: int) -> None:
    start = shown.url.index("/files/") + len("/files/")
    answer = shown.client.get(shown.url[:start] + changed(shown.url[start:], at))

    assert answer.refusal in {(403, 1005), (404, 9404)}


def test_a_link_made_to_last_longer_is_refused(shown: Shown) -> None:
    expires = int(shown.query.partition("exp=")[2].partition("&")[0])
    answer = shown.client.get(shown.url.replace(f"exp={expires}", f"exp={expires + 3600}"))

    assert answer.refusal == (403, 1005)
    assert "fresh link" in answer.suggestion


@pytest.mark.parametrize("query", ["", "?", "?exp=1", "?sig=a", "?exp=&sig=", "?exp=9999999999&sig=", "?exp=-1&sig=a"])
def test_a_link_without_its_signature_is_refused(shown: Shown, query: str) -> None:
    assert shown.client.get(shown.path + query).refusal == (403, 1005)


@pytest.mark.parametrize("exp", ["1e9", "9" * 11, "9" * 500, "٣", "0x10", "1%000", " 1"])
def test_an_expiry_that_is_no_time_is_refused(shown: Shown, exp: str) -> None:
    sent = "".join(f"%{byte:02x}" for byte in exp.encode())

    assert shown.client.get(f"{shown.path}?exp={sent}&sig=a").refusal == (403, 1005)


def test_a_signature_of_odd_letters_is_refused(shown: Shown) -> None:
    exp = shown.query.partition("&")[0]

    assert shown.client.get(f"{shown.path}?{exp}&sig=%ff%e7%8c%ab").refusal == (403, 1005)


def test_the_signature_of_one_picture_opens_no_other(client: Client, shown: Shown) -> None:
    other = client.done()["output"]["generated_image"].partition("?")[0]

    assert shown.client.get(f"{other}?{shown.query}").refusal == (403, 1005)


def test_a_link_ends(data: Path) -> None:
    with serving(data, link_hours=str(3 / 3600)) as server:
        client = client_of(server)
        url = client.done()["output"]["generated_image"]
        first, deadline = client.get(url).status, time.monotonic() + 30
        while (answer := client.get(url)).status == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        again = client.get(client.done()["output"]["generated_image"])

    assert first == 200
    assert answer.refusal == (403, 1005)
    assert again.status == 200


def test_a_link_outlives_the_server(data: Path) -> None:
    with serving(data) as server:
        url = client_of(server).done()["output"]["generated_image"]
    with serving(data) as server:
        answer = client_of(server).get(server.url + url[url.index("/files/") :])

    assert answer.status == 200


def test_the_public_address_is_the_links(data: Path) -> None:
    port = free_port()
    with serving(data, "--port", str(port), public_url=f"http://localhost:{port}/") as server:
        client = Client(f"http://127.0.0.1:{port}", server.key)
        url = client.done()["output"]["generated_image"]

    assert url.startswith(f"http://localhost:{port}/files/tcli_")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# --- parts of a picture -------------------------------------------------------------------------------------------


def test_a_head_request_has_the_headers_and_no_body(shown: Shown) -> None:
    whole, head = shown.client.get(shown.url), shown.client.call("HEAD", shown.url)
    changing = {"date", "x-tripo-trace-id", "x-request-id"}

    assert (head.status, head.body) == (200, b"")
    assert {(n.lower(), v) for n, v in head.headers.items() if n.lower() not in changing} == {
        (n.lower(), v) for n, v in whole.headers.items() if n.lower() not in changing
    }


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, None),
        ("bytes=-10", -10, None),
        ("bytes=10-99999999", 10, None),
        ("bytes=0-99999999999999999999999", 0, None),
    ],
)
def test_a_part_of_a_picture(shown: Shown, wanted: str, start: int, end: int | None) -> None:
    answer = shown.client.get(shown.url, {"Range": wanted})
    part = shown.picture[start:end]
    first = start % len(shown.picture)

    whole = len(part) == len(shown.picture)
    assert answer.status == (200 if whole else 206)
    assert answer.body == part
    assert answer.headers["Content-Length"] == str(len(part))
    expected = f"bytes {first}-{first + len(part) - 1}/{len(shown.picture)}"
    assert whole or answer.headers["Content-Range"] == expected


@pytest.mark.parametrize("wanted", ["bytes=999999-", "bytes=999999-9999999", "bytes=-0", "bytes=" + "9" * 30 + "-"])
def test_a_part_that_is_not_there(shown: Shown, wanted: str) -> None:
    answer = shown.client.get(shown.url, {"Range": wanted})

    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["Content-Range"] == f"bytes */{len(shown.picture)}"


@pytest.mark.parametrize(
    "wanted",
    ["bytes=", "bytes=-", "bytes=a-b", "bytes=5", "lines=0-5", "bytes=0-1,5-6", "", "0-5", "bytes=5-2", *ENDLESS],
)
def test_what_is_no_single_range_is_answered_whole(shown: Shown, wanted: str) -> None:
    answer = shown.client.get(shown.url, {"Range": wanted})

    assert (answer.status, answer.body) == (200, shown.picture)


def test_a_part_of_a_picture_that_is_still_the_same(shown: Shown) -> None:
    etag = shown.client.get(shown.url).headers["ETag"]
    same = shown.client.get(shown.url, {"Range": "bytes=0-9", "If-Range": etag})
    other = shown.client.get(shown.url, {"Range": "bytes=0-9", "If-Range": '"other"'})

    assert (same.status, same.body) == (206, shown.picture[:10])
    assert (other.status, other.body) == (200, shown.picture)


@pytest.mark.parametrize("sent", ["{etag}", '"other", {etag}', "W/{etag}", "*"])
def test_a_picture_that_the_caller_has_is_not_sent_again(shown: Shown, sent: str) -> None:
    etag = shown.client.get(shown.url).headers["ETag"]
    answer = shown.client.get(shown.url, {"If-None-Match": sent.format(etag=etag)})

    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == etag


def test_a_picture_that_the_caller_has_not_is_sent(shown: Shown) -> None:
    assert shown.client.get(shown.url, {"If-None-Match": '"other"'}).body == shown.picture


@pytest.fixture
def lost(data: Path) -> Iterator[tuple[Client, str]]:
    """A link to a picture whose file is gone."""
    with serving(data, log_level="error") as server:
        client = client_of(server)
        url = client.done()["output"]["generated_image"]
        next(path for path in (data / "blobs").rglob("*") if path.is_file()).unlink()
        yield client, url


def test_a_picture_whose_file_is_gone_is_not_found(lost: tuple[Client, str]) -> None:
    client, url = lost
    answer = client.get(url)

    assert answer.refusal == (404, 2019)
