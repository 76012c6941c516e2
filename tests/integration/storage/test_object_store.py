"""The whole service with its pictures in an object store."""

import hashlib
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contract.client import PHOTO, PICTURE, Client, client_of
from contract.s3.bucket import Bucket
from s3_server import S3Server
from serving import Served, serving


@pytest.fixture(scope="module")
def served(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("served")
    with serving(data, "--tls-local", vendors=s3.variables, storage_url=s3.url) as server:
        yield server


@pytest.fixture
def authority(served: Served) -> str:
    return str(served.data / "tls" / "authority.pem")


@pytest.fixture
def client(served: Served, authority: str) -> Client:
    return replace(client_of(served), trust=ssl.create_default_context(cafile=authority))


def kept(s3: S3Server, content: bytes) -> bytes:
    name = hashlib.sha256(content).hexdigest()
    return (s3.folder / "limner" / "sha256" / name[:2] / name).read_bytes()


def test_a_picture_put_at_once_is_used_by_a_task(s3: S3Server, client: Client, authority: str, tmp_path: Path) -> None:
    bucket = Bucket.asked_for(client, authority)
    path = tmp_path / "picture"
    path.write_bytes(PHOTO)

    bucket.boto3().upload_file(str(path), bucket.name, bucket.key)

    task = client.done(file={"object": bucket.object})
    assert kept(s3, PHOTO) == PHOTO
    assert task["status"] == "success"
    assert client.get(task["output"]["generated_image"], auth=False).status == 200


def test_a_picture_put_in_parts_leaves_none_of_them(s3: S3Server, client: Client, authority: str) -> None:
    bucket = Bucket.asked_for(client, authority)
    door = bucket.boto3()
    upload = door.create_multipart_upload(**bucket.place)["UploadId"]
    etag = door.upload_part(**bucket.place, UploadId=upload, PartNumber=1, Body=PICTURE)["ETag"]
    assert list(s3.folder.glob("limner/parts/*/*/00001"))

    door.complete_multipart_upload(
        **bucket.place, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}
    )

    assert kept(s3, PICTURE) == PICTURE
    assert not list(s3.folder.glob("limner/parts/*/*/*"))


def test_a_wrong_secret_of_the_store_makes_the_server_not_ready(s3: S3Server, tmp_path: Path) -> None:
    variables = {**s3.variables, "AWS_SECRET_ACCESS_KEY": "wrong"}
    with serving(tmp_path / "data", vendors=variables, storage_url=s3.url) as server:
        ready = client_of(server).get("/readyz", auth=False)

    assert ready.status == 503
    assert ready.json == {"status": "not ready", "checks": {"database": "ok", "store": "unavailable", "worker": "ok"}}


def test_a_thumbnail_is_stored_beside_the_picture_and_deleted_with_it(s3: S3Server, client: Client) -> None:
    def stored() -> set[Path]:
        return set(s3.folder.glob("limner/thumbnails/*/*.webp"))

    task, before = client.done(prompt="a thumbnail in a bucket")["task_id"], stored()
    first, again = (client.get(f"/thumbs/{task}.webp?w=96") for _ in range(2))
    made = stored() - before
    client.post("/tasks/erase", {"task_ids": [task], "grace_s": 0})
    deadline = time.monotonic() + 60
    while made & stored():
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert (first.status, first.body) == (200, again.body)
    assert len(made) == 1
