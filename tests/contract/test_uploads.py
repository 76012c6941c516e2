"""Direct uploads: what a form has to look like, and what comes back."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from contract.client import BASE, PHOTO, PICTURE, WEBP, Answer, Client, footprint, multipart, newcomer
from serving import Served

MIB = 1024 * 1024
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture
def client(idle: Served) -> Client:
    return newcomer(idle)


@pytest.fixture
def refusing(idle: Served, client: Client) -> Iterator[Client]:
    """A client all of whose requests have to leave nothing behind."""
    before = footprint(idle)
    yield client
    assert footprint(idle) == before


def send(client: Client, body: bytes, content_type: str) -> Answer:
    return client.call("POST", f"{BASE}/upload", body, {"Content-Type": content_type})


@pytest.mark.parametrize("path", ["/upload", "/upload/sts"])
@pytest.mark.parametrize("content", [PICTURE, PHOTO, WEBP], ids=["png", "jpeg", "webp"])
def test_an_upload_becomes_a_token(client: Client, path: str, content: bytes) -> None:
    answer = client.upload(content, path=path)

    assert list(answer.data) == ["image_token"]
    assert UUID.fullmatch(answer.data["image_token"])


@pytest.mark.parametrize(
    "name", ["cat", "cat.PNG", "/home/me/my cat.png", "C:\\cat.jpg", "猫.webp", "../../etc/passwd", "a" * 3000, "\t"]
)
def test_the_name_of_the_file_means_nothing(client: Client, name: str) -> None:
    token = client.upload(PHOTO, name=name).data["image_token"]
    task = client.task(client.submit(file={"file_token": token}))

    assert task["input"]["file"]["object"]["key"].endswith(f"/{token}/input.jpg")


def test_fields_beside_the_file_are_ignored(client: Client) -> None:
    body, headers = multipart([("a", None, b"1"), ("file", "cat.png", PICTURE), ("b", None, b"2")])

    assert client.call("POST", f"{BASE}/upload", body, headers).status == 200


@pytest.mark.parametrize("kind", ["Multipart/Form-Data", "MULTIPART/FORM-DATA"])
def test_the_media_type_of_a_form_is_taken_in_any_case(client: Client, kind: str) -> None:
    body, headers = multipart([("file", "cat.png", PICTURE)])
    _, _, boundary = headers["Content-Type"].partition(";")

    assert send(client, body, f"{kind};{boundary}").status == 200


@pytest.mark.parametrize("name", ["filename*=UTF-8''%E7%8C%AB.png", "FileName*=utf-8'en'a.png", "filename*0*=UTF-8''a"])
def test_a_file_whose_name_is_encoded_is_a_file(client: Client, name: str) -> None:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; {name}\r\n\r\n'.encode()

    assert send(client, head + PICTURE + b"\r\n--x--\r\n", "multipart/form-data; boundary=x").status == 200


def test_large_fields_beside_the_file_are_skipped(client: Client) -> None:
    fields = [(f"field{n}", None, bytes(MIB)) for n in range(19)]
    body, headers = multipart([*fields, ("file", "cat.png", PICTURE)])

    assert client.call("POST", f"{BASE}/upload", body, headers).status == 200


def test_two_uploads_of_one_picture_are_two_tokens_and_one_file(idle: Served, client: Client) -> None:
    first = client.token()
    before = footprint(idle)
    second = client.token()
    after = footprint(idle)

    assert first != second
    assert after.files == before.files
    assert after.rows["uploads"] == before.rows["uploads"] + 1
    assert after.rows["blobs"] == before.rows["blobs"]


def test_an_upload_costs_nothing(client: Client) -> None:
    client.token()

    assert client.balance() == (1000, 0)


def test_an_upload_that_has_expired_is_not_found(idle: Served, client: Client) -> None:
    token = client.token()
    with closing(sqlite3.connect(idle.data / "limner.db")) as connection, connection:
        connection.execute("UPDATE uploads SET expires_ms = 1 WHERE token = ?", (token,))
    answer = client.create(file={"file_token": token})

    assert answer.refusal == (404, 2019)
    assert "has expired" in answer.suggestion


def test_a_form_without_a_file_is_malformed(refusing: Client) -> None:
    body, headers = multipart([("image", "cat.png", PICTURE)])
    answer = refusing.call("POST", f"{BASE}/upload", body, headers)

    assert answer.refusal == (400, 1003)
    assert "'file'" in answer.suggestion


def test_a_field_named_file_is_no_file(refusing: Client) -> None:
    body, headers = multipart([("file", None, PICTURE)])

    assert refusing.call("POST", f"{BASE}/upload", body, headers).refusal == (400, 1003)


def test_two_files_are_malformed(refusing: Client) -> None:
    body, headers = multipart([("file", "a.png", PICTURE), ("file", "b.png", PICTURE)])
    answer = refusing.call("POST", f"{BASE}/upload", body, headers)

    assert answer.refusal == (400, 1003)


def test_a_form_of_a_thousand_fields_is_malformed(refusing: Client) -> None:
    body, headers = multipart([(f"f{n}", None, b"1") for n in range(1000)])

    assert refusing.call("POST", f"{BASE}/upload", body, headers).refusal == (400, 1003)


@pytest.mark.parametrize(
    "kind", ["", "image/png", "application/json", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x"]
)
def test_a_body_that_is_no_form_is_malformed(refusing: Client, kind: str) -> None:
    answer = send(refusing, PICTURE, kind)

    assert answer.refusal == (400, 1003)
    assert "multipart/form-data" in answer.suggestion


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=another",
        'multipart/form-data; boundary="',
        "multipart/form-data; boundary=é",
    ],
)
def test_a_broken_boundary_is_malformed(refusing: Client, kind: str) -> None:
    body, _ = multipart([("file", "cat.png", PICTURE)])

    assert send(refusing, body, kind).refusal == (400, 1003)


BROKEN = {
    "empty": b"",
    "no parts": b"--x--\r\n",
    "cut in its head": b'--x\r\nContent-Disposition: form-data; name="file"; file',
    "no head": b"--x\r\n\r\n" + PICTURE + b"\r\n--x--\r\n",
    "no disposition": b"--x\r\nContent-Type: image/png\r\n\r\n" + PICTURE + b"\r\n--x--\r\n",
    "no name": b'--x\r\nContent-Disposition: form-data; filename="a.png"\r\n\r\n' + PICTURE + b"\r\n--x--\r\n",
    "noise": b"\0\1\2" * 1000,
    "an endless head": b"--x\r\nA: " + b"a" * 200_000,
    "odd letters in a head": b'--x\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\n\r\n--x--\r\n',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_form_is_malformed(refusing: Client, body: bytes) -> None:
    assert send(refusing, body, "multipart/form-data; boundary=x").refusal == (400, 1003)


@pytest.mark.parametrize("end", [b"", b"\r\n--limner-bound"], ids=["in the file", "in the boundary"])
def test_a_form_that_breaks_off_keeps_nothing(refusing: Client, end: bytes) -> None:
    body, headers = multipart([("file", "cat.png", PICTURE)])
    answer = refusing.call("POST", f"{BASE}/upload", body[: body.index(PICTURE) + 100] + end, headers)

    assert answer.refusal in {(400, 1003), (400, 2003)}


@pytest.mark.parametrize("sending", ["whole", "in pieces, without its length"])
def test_a_file_of_30_megabytes_is_too_large(refusing: Client, sending: str) -> None:
    body, headers = multipart([("file", "cat.png", PICTURE + bytes(30 * MIB))])
    sent = (body[at : at + MIB] for at in range(0, len(body), MIB)) if sending != "whole" else body
    answer = refusing.call("POST", f"{BASE}/upload", sent, headers)

    assert answer.refusal == (400, 2022)
    assert "20 MB" in answer.suggestion


def test_a_file_of_a_byte_too_much_is_too_large(refusing: Client) -> None:
    answer = refusing.upload(PICTURE + bytes(20 * MIB + 1 - len(PICTURE)))

    assert answer.refusal == (400, 2022)


def test_a_picture_of_20_megabytes_is_taken(client: Client) -> None:
    assert client.upload(PICTURE + bytes(20 * MIB - len(PICTURE))).status == 200


def test_a_large_upload_without_a_key_receives_the_refusal(client: Client) -> None:
    answer = client.as_(None).upload(PICTURE + bytes(19 * MIB))

    assert answer.refusal == (401, 1002)
