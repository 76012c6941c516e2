"""The client that the vendor's packages use, as they use it."""

import hashlib
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contract.client import PHOTO, PICTURE, Client, client_of
from contract.s3.bucket import Bucket
from serving import Served

MIB = 1024 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "picture"


def kept(served: Served, content: bytes) -> bytes:
    """The same bytes, from where the server keeps them."""
    name = hashlib.sha256(content).hexdigest()
    return (served.data / "blobs" / "sha256" / name[:2] / name).read_bytes()


def drawn(client: Client, bucket: Bucket) -> dict[str, Any]:
    """A finished task that took the object for its reference."""
    return client.done(file={"type": "jpg", "object": bucket.object})


def test_a_picture_is_put_and_named_by_a_task(secured: Served, client: Client, bucket: Bucket, file: Path) -> None:
    file.write_bytes(PHOTO)

    bucket.boto3().upload_file(str(file), bucket.name, bucket.key)

    assert kept(secured, PHOTO) == PHOTO
    task = drawn(client, bucket)
    assert task["status"] == "success"
    assert task["input"]["file"] == {"type": "jpg", "object": bucket.object}


def test_a_large_picture_comes_in_parts(
    secured: Served, client: Client, bucket: Bucket, file: Path, noise: bytes
) -> None:
    file.write_bytes(noise)

    bucket.boto3().upload_file(str(file), bucket.name, bucket.key)

    found = bucket.boto3().head_object(**bucket.place)
    assert kept(secured, noise) == noise
    assert found["ETag"].endswith('-2"')
    assert found["ContentLength"] == len(noise)
    assert drawn(client, bucket)["status"] == "success"
    assert not list((secured.data / "blobs").glob("parts/*"))


def test_parts_may_come_in_any_order_and_together(secured: Served, bucket: Bucket, noise: bytes) -> None:
    s3 = bucket.boto3()
    upload = s3.create_multipart_upload(**bucket.place, ChecksumAlgorithm="CRC32")["UploadId"]
    pieces = {9: noise[5 * MIB :], 4: noise[: 5 * MIB]}

    def put(number: int) -> dict[str, Any]:
        made = s3.upload_part(**bucket.place, UploadId=upload, PartNumber=number, Body=pieces[number])
        return {"PartNumber": number, "ETag": made["ETag"], "ChecksumCRC32": made["ChecksumCRC32"]}

    with ThreadPoolExecutor(2) as pool:
        parts = sorted(pool.map(put, pieces), key=lambda part: part["PartNumber"])
    listed = s3.list_parts(**bucket.place, UploadId=upload)["Parts"]
    made = s3.complete_multipart_upload(**bucket.place, UploadId=upload, MultipartUpload={"Parts": parts})

    digests = [hashlib.md5(pieces[number], usedforsecurity=False).digest() for number in (4, 9)]
    assert made["ETag"] == f'"{hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()}-2"'
    assert [(part["PartNumber"], part["Size"], part["ETag"]) for part in listed] == [
        (part["PartNumber"], len(pieces[part["PartNumber"]]), part["ETag"]) for part in parts
    ]
    assert kept(secured, noise) == noise


def test_completing_twice_is_answered_twice(bucket: Bucket) -> None:
    s3 = bucket.boto3()
    upload = s3.create_multipart_upload(**bucket.place)["UploadId"]
    etag = s3.upload_part(**bucket.place, UploadId=upload, PartNumber=1, Body=PICTURE)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}

    first = s3.complete_multipart_upload(**bucket.place, UploadId=upload, MultipartUpload=parts)
    second = s3.complete_multipart_upload(**bucket.place, UploadId=upload, MultipartUpload=parts)

    assert first["ETag"] == second["ETag"]


def test_an_upload_can_be_given_up(secured: Served, bucket: Bucket) -> None:
    s3 = bucket.boto3()
    upload = s3.create_multipart_upload(**bucket.place)["UploadId"]
    s3.upload_part(**bucket.place, UploadId=upload, PartNumber=1, Body=PICTURE)

    s3.abort_multipart_upload(**bucket.place, UploadId=upload)

    assert not list((secured.data / "blobs").glob("parts/*"))
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.upload_part(**bucket.place, UploadId=upload, PartNumber=1, Body=PICTURE)


def test_the_last_picture_put_is_the_one_that_counts(secured: Served, bucket: Bucket) -> None:
    s3 = bucket.boto3()
    s3.put_object(**bucket.place, Body=PICTURE)

    s3.put_object(**bucket.place, Body=PHOTO)

    assert s3.head_object(**bucket.place)["ContentType"] == "image/jpeg"
    assert kept(secured, PHOTO) == PHOTO


def test_a_picture_is_not_written_over_against_the_callers_will(bucket: Bucket) -> None:
    s3 = bucket.boto3()
    s3.put_object(**bucket.place, Body=PICTURE, IfNoneMatch="*")

    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(**bucket.place, Body=PHOTO, IfNoneMatch="*")

    assert s3.head_object(**bucket.place)["ContentType"] == "image/png"


def test_there_is_nothing_before_it_is_put(bucket: Bucket) -> None:
    with pytest.raises(ClientError, match="404"):
        bucket.boto3().head_object(**bucket.place)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_the_checksum_is_returned(bucket: Bucket, algorithm: str) -> None:
    made = bucket.boto3().put_object(**bucket.place, Body=PICTURE, ChecksumAlgorithm=algorithm)

    assert made[f"Checksum{algorithm}"]
    assert made["ETag"] == f'"{hashlib.md5(PICTURE, usedforsecurity=False).hexdigest()}"'


def test_a_presigned_address_takes_the_picture_too(client: Client, bucket: Bucket) -> None:
    url = bucket.boto3(signature_version="s3v4").generate_presigned_url("put_object", bucket.place, 60)

    answer = client.call("PUT", url, PICTURE, auth=False)

    assert answer.status == 200
    assert bucket.boto3().head_object(**bucket.place)["ContentLength"] == len(PICTURE)


def test_the_bucket_may_stand_in_the_name_of_the_host(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo
    # Not every system knows that all names under localhost are this machine's.
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *more, **rest: look_up("127.0.0.1", *more, **rest))
    named = bucket.but(host=bucket.host.replace("127.0.0.1", "localhost"))

    named.boto3(s3={"addressing_style": "virtual"}).put_object(**bucket.place, Body=PICTURE)

    assert bucket.boto3().head_object(**bucket.place)["ContentLength"] == len(PICTURE)


def test_plain_http_takes_pictures_as_well(served: Served, file: Path) -> None:
    """Old packages know no endpoint but the one in AWS_ENDPOINT_URL_S3, which may be a plain one."""
    client = client_of(served)
    bucket = Bucket.asked_for(client, None)
    file.write_bytes(PICTURE)

    bucket.boto3().upload_file(str(file), bucket.name, bucket.key)

    assert kept(served, PICTURE) == PICTURE
    assert drawn(client, bucket)["status"] == "success"


PUT_WITH_CRT = """
import sys, boto3, botocore.compat
assert botocore.compat.HAS_CRT
endpoint, authority, bucket, key, access_key, secret_key, token, path = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, verify=authority, region_name="us-east-1", aws_access_key_id=access_key,
                  aws_secret_access_key=secret_key, aws_session_token=token)
for algorithm in ("CRC32C", "CRC64NVME"):
    with open(path, "rb") as body:
        print(s3.put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm=algorithm)["Checksum" + algorithm])
"""


def test_boto3_with_its_c_library_is_understood(bucket: Bucket, file: Path) -> None:
    """It signs by other code, and has the checksums that the command line tool sends."""
    file.write_bytes(PICTURE)
    names = [f"https://{bucket.host}", bucket.authority or "", bucket.name, bucket.key]
    keys = [bucket.access_key, bucket.secret_key, bucket.token, str(file)]
    environment = {name: value for name, value in os.environ.items() if name != "BOTO_DISABLE_CRT"}

    done = subprocess.run(
        [sys.executable, "-c", PUT_WITH_CRT, *names, *keys],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert [len(line) for line in done.stdout.split()] == [8, 12]
