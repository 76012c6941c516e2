"""`POST /upload/sts/token`: the six fields, and what is no picture's format."""

import re
from urllib.parse import urlsplit

import pytest

from contract.client import BASE, PICTURE, Client, newcomer
from contract.s3.bucket import Bucket
from serving import Served, serving

STS = "/upload/sts/token"


@pytest.mark.parametrize(
    ("reported", "extension"), [("jpeg", "jpg"), ("jpg", "jpg"), ("png", "png"), ("webp", "webp"), ("PNG", "png")]
)
def test_credentials_have_six_fields(secured: Served, client: Client, reported: str, extension: str) -> None:
    data = client.post(STS, {"format": reported}).data

    assert list(data) == ["s3_host", "resource_bucket", "resource_uri", "session_token", "sts_ak", "sts_sk"]
    assert data["s3_host"] == urlsplit(secured.url).netloc
    assert data["resource_bucket"] == "tripo-data"
    assert re.fullmatch(rf"tcli_[0-9a-f]{{32}}/\d{{8}}/[0-9a-f-]{{36}}/input\.{extension}", data["resource_uri"])


@pytest.mark.parametrize(
    "body", [{"format": "glb"}, {"format": "gif"}, {"format": ""}, {"format": 1}, {"format": None}, {}]
)
def test_a_format_that_is_no_picture_s_is_refused(client: Client, body: dict[str, object]) -> None:
    answer = client.post(STS, body)

    assert answer.refusal == (400, 1004)
    assert "format" in answer.suggestion
    assert "jpeg, jpg, png, webp" in answer.suggestion


@pytest.mark.parametrize("body", [b"", b"format=png", b"[]", b'"png"'])
def test_a_body_that_is_no_object_is_refused(client: Client, body: bytes) -> None:
    assert client.post(STS, body).refusal == (400, 1003)


def test_no_key_gets_none(client: Client) -> None:
    assert client.as_(None).post(STS, {"format": "png"}).refusal == (401, 1002)


def test_a_key_that_may_only_look_gets_none(secured: Served, client: Client) -> None:
    looker = newcomer(secured, scopes=("read",))

    assert client.as_(looker.key).post(STS, {"format": "png"}).refusal == (403, 1005)


def test_pictures_that_come_too_often_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("slow"), "--api-only", uploads_per_second="1") as server:
        client = Client(server.url, server.key)
        bucket = Bucket.asked_for(client, None)
        answers = [bucket.request(body=PICTURE) for _ in range(20)]
        direct = [client.upload(PICTURE) for _ in range(20)]

    refused = [answer for answer in answers if answer.status != 200]
    assert answers[0].status == 200
    assert {answer.status for answer in refused} == {503}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert all(b"<Code>SlowDown</Code>" in answer.body for answer in refused)
    assert (429, 1007) in [answer.refusal for answer in direct if answer.status != 200]


# --- naming the object in a task ----------------------------------------------------------------------------------


def refused(client: Client, bucket: str, key: str) -> tuple[int, int]:
    before = client.balance()
    answer = client.create(file={"type": "png", "object": {"bucket": bucket, "key": key}})
    assert "file.object" in answer.suggestion
    assert client.balance() == before
    return answer.refusal


def test_an_object_that_was_not_put_is_not_found(client: Client, bucket: Bucket) -> None:
    assert refused(client, bucket.name, bucket.key) == (404, 2019)


def test_an_object_of_another_account_is_not_found(other_client: Client, bucket: Bucket) -> None:
    bucket.request(body=PICTURE)

    assert refused(other_client, bucket.name, bucket.key) == (404, 2019)


def test_an_object_in_another_bucket_is_not_found(client: Client, bucket: Bucket) -> None:
    bucket.request(body=PICTURE)

    assert refused(client, "another", bucket.key) == (404, 2019)
    assert client.create(file={"object": bucket.object}).status == 200


def test_an_object_is_also_known_by_the_token_in_its_name(client: Client, bucket: Bucket) -> None:
    bucket.request(body=PICTURE)
    token = bucket.key.split("/")[2]

    task = client.task(client.submit(file={"file_token": token}))

    assert task["input"]["file"]["object"] == bucket.object


def test_the_route_answers_no_other_method(client: Client) -> None:
    assert client.get(BASE + STS).refusal == (405, 9405)
