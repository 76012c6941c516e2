"""Handing in pictures: in a form, and by a link."""

import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from contract.client import PHOTO, PICTURE, WEBP, client_of, footprint, multipart
from contract.v3.client import BASE, V3Client, newcomer, on_v3
from serving import Served, serving
from unit.intake.pictures import encoded, scene

MIB = 1024 * 1024
TOKEN = re.compile(r"file_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


# --- in a form ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [PICTURE, PHOTO, WEBP], ids=["png", "jpeg", "webp"])
def test_an_upload_becomes_a_token(waiting: V3Client, content: bytes) -> None:
    answer = waiting.upload(content)

    assert list(answer.data) == ["file_token"]
    assert TOKEN.fullmatch(answer.data["file_token"])


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", 2003), (PICTURE[:-20], 2003), (b"GIF89a", 2004), (PICTURE + bytes(20 * MIB), 2022)],
    ids=["empty", "truncated", "a GIF", "20 MB and more"],
)
def test_a_picture_that_will_not_do_is_refused(refusing: V3Client, content: bytes, code: int) -> None:
    answer = refusing.upload(content)

    assert answer.refusal == (400, code)
    assert answer.suggestion.startswith("file: ")


def test_a_form_without_a_file_is_malformed(refusing: V3Client) -> None:
    body, headers = multipart([("image", "cat.png", PICTURE)])

    assert refusing.call("POST", f"{BASE}/files", body, headers).refusal == (400, 1003)


@pytest.mark.parametrize("kind", ["", "image/png", "application/json", "multipart/form-data"])
def test_a_body_that_is_no_form_is_malformed(refusing: V3Client, kind: str) -> None:
    answer = refusing.call("POST", f"{BASE}/files", PICTURE, {"Content-Type": kind})

    assert answer.refusal == (400, 1003)


# --- by a link ----------------------------------------------------------------------------------------------------


def test_presign_returns_the_link_under_both_names_with_token_and_lifetime(waiting: V3Client) -> None:
    link = waiting.presign()

    assert set(link) == {"presigned_url", "upload_url", "file_token", "expires_in"}
    assert link["presigned_url"] == link["upload_url"]
    assert link["presigned_url"].startswith(f"{waiting.url}/v3/files/")
    assert link["expires_in"] == 1800
    assert abs(int(parse_qs(urlsplit(link["upload_url"]).query)["exp"][0]) - time.time() - 1800) < 300
    assert TOKEN.fullmatch(link["file_token"])


@pytest.mark.parametrize("format", ["png", "jpg", "jpeg", "webp", ".PNG"])
def test_a_link_is_for_pictures(waiting: V3Client, format: str) -> None:  # noqa: A002 - the field's name
    assert TOKEN.fullmatch(waiting.presign(format)["file_token"])


@pytest.mark.parametrize(
    "body", [{}, {"format": "glb"}, {"format": "gif"}, {"format": ""}, {"format": None}, {"format": 5}]
)
def test_a_link_for_anything_else_is_refused(refusing: V3Client, body: dict[str, Any]) -> None:
    answer = refusing.post("/files/presign", body)

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("format ")
    assert "jpg, jpeg, png or webp" in answer.suggestion


def test_an_unused_link_leaves_nothing(refusing: V3Client) -> None:
    assert refusing.presign()


@pytest.mark.parametrize("content", [PICTURE, PHOTO, WEBP], ids=["png", "jpeg", "webp"])
def test_a_picture_that_was_handed_in_can_be_used(client: V3Client, content: bytes) -> None:
    link = client.presign()
    answer = client.put(link["presigned_url"], content)
    task = client.done(input=link["file_token"], model="chat_image_2")

    assert answer.data == {"file_token": link["file_token"]}
    assert task["status"] == "success"


def test_a_token_without_its_picture_is_refused_with_the_missing_step(refusing: V3Client) -> None:
    answer = refusing.create(input=refusing.presign()["file_token"])

    assert answer.refusal == (404, 2019)
    assert "must receive its bytes with PUT first" in answer.suggestion


def test_a_link_takes_one_picture(idle: Served, waiting: V3Client) -> None:
    link = waiting.presign()
    waiting.put(link["presigned_url"])
    before = footprint(idle)
    answers = [waiting.put(link["presigned_url"], content) for content in (PICTURE, PHOTO, b"")]

    assert [answer.refusal for answer in answers] == [(403, 1005)] * 3
    assert all("the link has already been used" in answer.suggestion.lower() for answer in answers)
    assert footprint(idle) == before


@pytest.fixture
def leaving(idle: Served) -> V3Client:
    """A caller whose key or account goes."""
    return newcomer(idle)


def test_a_link_ends_with_the_key_that_requested_it(idle: Served, leaving: V3Client) -> None:
    link = leaving.presign()
    key = parse_qs(urlsplit(link["presigned_url"]).query)["key"][0]
    idle.cli("keys", "revoke", key)
    before = footprint(idle)

    answer = leaving.put(link["presigned_url"])

    assert answer.refusal == (403, 1005)
    assert "API key" in answer.suggestion
    assert footprint(idle) == before


def test_a_link_ends_with_the_account_that_requested_it(idle: Served) -> None:
    before = {each["account"] for each in idle.cli("accounts", "list")}
    leaving = newcomer(idle)
    link = leaving.presign()
    (name,) = {each["account"] for each in idle.cli("accounts", "list")} - before
    idle.cli("accounts", "erase", name, "--yes")

    assert leaving.put(link["presigned_url"]).refusal == (403, 1005)


def test_a_link_is_not_valid_for_another_key(waiting: V3Client, leaving: V3Client) -> None:
    ours, theirs = (urlsplit(each.presign()["presigned_url"]) for each in (waiting, leaving))
    key, other = (parse_qs(each.query)["key"][0] for each in (ours, theirs))

    assert waiting.put(ours.geturl().replace(key, other)).refusal == (403, 1005)
    assert waiting.put(ours.geturl().replace(f"key={key}&", "")).refusal == (403, 1005)


def test_of_two_pictures_at_once_a_link_takes_one(idle: Served, waiting: V3Client) -> None:
    link = waiting.presign()
    pictures = [encoded(scene((40, 40 + n)), "PNG") for n in range(8)]
    before = footprint(idle)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda content: waiting.put(link["presigned_url"], content), pictures))
    after = footprint(idle)

    assert sorted(answer.status for answer in answers) == [200] + [403] * 7
    assert after.rows["uploads"] == before.rows["uploads"] + 1
    assert waiting.create(input=link["file_token"]).status == 200


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 2003),
        (PICTURE[:-20], 2003),
        (b"GIF89a", 2004),
        (b"<svg/>", 2004),
        (PICTURE + bytes(20 * MIB + 1 - len(PICTURE)), 2022),
        (PICTURE + bytes(30 * MIB), 2022),
    ],
    ids=["empty", "truncated", "a GIF", "an SVG", "a byte too much", "30 MB"],
)
def test_what_will_not_do_is_refused_and_the_link_still_works(
    idle: Served, waiting: V3Client, content: bytes, code: int
) -> None:
    link = waiting.presign()
    before = footprint(idle)
    refused = waiting.put(link["presigned_url"], content)
    after = footprint(idle)
    mended = waiting.put(link["presigned_url"])

    assert refused.refusal == (400, code)
    assert after == before
    assert mended.status == 200


def test_a_picture_of_20_megabytes_is_taken(waiting: V3Client) -> None:
    assert waiting.put(waiting.presign()["presigned_url"], PICTURE + bytes(20 * MIB - len(PICTURE))).status == 200


def test_a_chunked_body_over_the_limit_is_refused(refusing: V3Client) -> None:
    pieces = (bytes(MIB) for _ in range(30))
    answer = refusing.put(refusing.presign()["presigned_url"], pieces)

    assert answer.refusal == (400, 2022)


def test_a_client_that_breaks_off_leaves_nothing(idle: Served, waiting: V3Client) -> None:
    link = waiting.presign()["presigned_url"]
    before = footprint(idle)
    parts = urlsplit(link)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: limner\r\nContent-Length: {2 * MIB}\r\n\r\n"
        connection.sendall(head.encode() + PICTURE + bytes(MIB))
    deadline = time.monotonic() + 30
    while (after := footprint(idle)) != before and time.monotonic() < deadline:
        time.sleep(0.05)

    assert after == before
    assert waiting.put(link).status == 200


def changed(url: str, how: str) -> str:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    match how:
        case "no signature":
            return f"{parts.path}?exp={query['exp']}"
        case "nothing":
            return parts.path
        case "a later end":
            return f"{parts.path}?exp={int(query['exp']) + 60}&sig={query['sig']}"
        case "an end long ago":
            return f"{parts.path}?exp=1&sig={query['sig']}"
        case "another token":
            return f"{parts.path[:-1]}{'0' if parts.path[-1] != '0' else '1'}?{parts.query}"
        case _:
            return f"{parts.path.replace('tcli_', 'tcli_0', 1)}?{parts.query}"


@pytest.mark.parametrize(
    "how", ["no signature", "nothing", "a later end", "an end long ago", "another token", "another account"]
)
def test_a_link_that_was_changed_is_refused(refusing: V3Client, how: str) -> None:
    answer = refusing.put(changed(refusing.presign()["presigned_url"], how))

    assert answer.refusal == (403, 1005)
    assert "presign" in answer.suggestion


def test_a_key_does_not_stand_in_for_the_signature(refusing: V3Client) -> None:
    path = urlsplit(refusing.presign()["presigned_url"]).path

    assert refusing.call("PUT", path, PICTURE).refusal == (403, 1005)


def test_a_link_to_fetch_hands_nothing_in_and_a_link_to_hand_in_fetches_nothing(client: V3Client) -> None:
    to_fetch = client.done()["output"]["generated_image_url"]
    to_hand_in = client.presign()["presigned_url"]

    assert client.v2.call("PUT", to_fetch, PICTURE).refusal == (405, 9405)
    assert client.get(to_hand_in, auth=False).refusal == (405, 1003)


def test_a_picture_belongs_to_the_account_that_got_the_link(client: V3Client, other_client: V3Client) -> None:
    link = client.presign()
    other_client.put(link["presigned_url"])
    theirs = other_client.create(input=link["file_token"])

    assert theirs.refusal == (404, 2019)
    assert client.create(input=link["file_token"]).status == 200


def test_an_upload_by_a_link_costs_nothing_and_ends_after_its_time(idle: Served, waiting: V3Client) -> None:
    link = waiting.presign()
    waiting.put(link["presigned_url"])
    with closing(sqlite3.connect(idle.data / "limner.db")) as connection, connection:
        connection.execute("UPDATE uploads SET expires_ms = 1 WHERE token = ?", (link["file_token"][5:],))
    answer = waiting.create(input=link["file_token"])

    assert waiting.balance() == (1000, 0)
    assert answer.refusal == (404, 2019)
    assert "has expired" in answer.suggestion


# --- with credentials ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{}", b'{"format":"png"}'], ids=["nothing", "no format", "a format"])
def test_credentials_come_with_a_link_for_the_same_token(client: V3Client, body: bytes) -> None:
    made = client.post("/files/upload-credentials", body).data
    handed_in = client.put(made["upload_url"])
    task = client.done(input=made["file_token"])

    assert handed_in.data == {"file_token": made["file_token"]}
    assert task["status"] == "success"
    assert made["resource_uri"].split("/")[2] == made["file_token"].removeprefix("file_")
    assert made["resource_uri"].endswith(".png" if b"png" in body else ".jpg")
    assert made["resource_bucket"] == "tripo-data"
    assert f"http://{made['s3_host']}" == client.url
    assert all(made[name] for name in ("session_token", "sts_ak", "sts_sk"))


def test_an_s3_client_hands_in_a_picture_with_the_credentials(client: V3Client) -> None:
    made = client.post("/files/upload-credentials", {"format": "png"}).data
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

    assert client.done(input=made["file_token"])["status"] == "success"
    assert client.put(made["upload_url"]).refusal == (403, 1005)


def test_credentials_say_when_they_end(waiting: V3Client) -> None:
    made = waiting.post("/files/upload-credentials", b"").data
    left_s = datetime.fromisoformat(made["expires_at"]).timestamp() - time.time()

    assert 1500 < left_s <= 1800


@pytest.mark.parametrize("format", ["glb", "", None, 5])
def test_credentials_for_anything_but_a_picture_are_refused(refusing: V3Client, format: Any) -> None:  # noqa: A002
    answer = refusing.post("/files/upload-credentials", {"format": format})

    assert answer.refusal == (400, 1004)
    assert answer.suggestion.startswith("format ")


# --- how many -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One upload a second, whichever way it comes."""
    folder: Path = tmp_path_factory.mktemp("strict")
    with serving(folder, "--api-only", uploads_per_second="1") as server:
        yield server


def test_uploads_of_both_faces_and_links_count_together(strict: Served) -> None:
    client = on_v3(client_of(strict))
    calls = [
        lambda: client.upload(PICTURE),
        lambda: client.v2.upload(PICTURE),
        lambda: client.post("/files/presign", {"format": "png"}),
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda call: call(), calls * 8))

    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.json["code"] for answer in refused} == {1007}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert all(any(answer.status == 429 for answer in answers[n::3]) for n in range(3))


def test_a_link_is_refused_when_its_account_uploads_too_much(strict: Served) -> None:
    client = newcomer(strict)
    link = client.presign()["presigned_url"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.put(link, b""), range(16)))

    assert (429, 1007) in {answer.refusal for answer in answers}
