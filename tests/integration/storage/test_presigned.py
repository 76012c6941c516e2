"""Pictures that clients fetch from the bucket: only those whose file there is what would be delivered."""

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import boto3
import pytest
from botocore.config import Config

from contract.client import Client, client_of
from limner.domain.ids import BlobId
from limner.storage.presigned import presigned_bucket
from s3_server import S3Server
from serving import serving

FROM_BUCKET = {"deliver_from_bucket": "true"}


def served(s3: S3Server, folder: Path, **chosen: str) -> Iterator[Client]:
    with serving(folder / "data", vendors=s3.variables, storage_url=s3.url, **FROM_BUCKET | chosen) as server:
        yield client_of(server)


@pytest.fixture(scope="module")
def unmarked(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    yield from served(s3, tmp_path_factory.mktemp("unmarked"), mark_images="false")


@pytest.fixture(scope="module")
def marking(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    yield from served(s3, tmp_path_factory.mktemp("marking"))


def link_of(client: Client, prompt: str) -> str:
    return str(client.done(prompt=prompt)["output"]["generated_image"])


def fetched(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {}, error.read()


def test_a_picture_without_added_marks_comes_from_the_bucket(s3: S3Server, unmarked: Client) -> None:
    url = link_of(unmarked, "from the bucket")

    answer = unmarked.get(url, auth=False)
    link = answer.headers["Location"]
    status, headers, body = fetched(link)

    assert (answer.status, answer.headers["Cache-Control"]) == (307, "private, no-store")
    assert link.startswith(f"{s3.endpoint}/pictures/limner/sha256/")
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["300"]
    assert status == 200
    assert hashlib.sha256(body).hexdigest() == urlsplit(link).path.rpartition("/")[2]
    assert headers["content-type"] == "image/png"


@pytest.mark.parametrize("session", ["", "a/session+token=="])
@pytest.mark.parametrize(
    ("endpoint", "public"), [("https://s3.example:9000", None), ("http://10.0.0.5", "https://pics")]
)
def test_a_link_is_signed_as_amazons_own_client_signs_it(endpoint: str, public: str | None, session: str) -> None:
    """With the type and the disposition, which the server of these tests does not look at."""
    keys = {"AWS_ACCESS_KEY_ID": "a-key", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_SESSION_TOKEN": session}
    place = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-central-1"}
    bucket = presigned_bucket("s3://pictures/lim ner", public, keys | place)
    blob, disposition = BlobId("ab" * 32), 'inline; filename="a picture.png"'
    client = boto3.client(
        "s3",
        region_name="eu-central-1",
        endpoint_url=public or endpoint,
        aws_access_key_id="a-key",
        aws_secret_access_key="a-secret",
        aws_session_token=session or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )

    asked = {"Bucket": "pictures", "Key": f"lim ner/sha256/ab/{blob}", "ResponseContentType": "image/png"}
    expected = client.generate_presigned_url(
        "get_object", asked | {"ResponseContentDisposition": disposition}, ExpiresIn=300
    )
    [stamp] = parse_qs(urlsplit(expected).query)["X-Amz-Date"]
    at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    link = bucket.link(blob, "image/png", disposition, 300, int(at.timestamp() * 1000))

    assert urlsplit(link)._replace(query="") == urlsplit(expected)._replace(query="")
    assert parse_qs(urlsplit(link).query) == parse_qs(urlsplit(expected).query)


def test_a_part_of_a_picture_comes_from_the_bucket_too(unmarked: Client) -> None:
    link = unmarked.get(link_of(unmarked, "a part"), auth=False).headers["Location"]

    status, headers, body = fetched(link, Range="bytes=0-3")

    assert (status, body, headers["content-type"]) == (206, b"\x89PNG", "image/png")


def test_a_link_of_the_bucket_is_for_one_picture_and_nothing_else(unmarked: Client) -> None:
    one, other = (unmarked.get(link_of(unmarked, f"picture {n}"), auth=False).headers["Location"] for n in (1, 2))
    parts, another = urlsplit(one), urlsplit(other)

    swapped = urlunsplit(parts._replace(path=another.path))
    retyped = one.replace("image%2Fpng", "text%2Fhtml")
    longer = one.replace("X-Amz-Expires=300", "X-Amz-Expires=3000")

    assert one != other
    assert [fetched(each)[0] for each in (swapped, retyped, longer)] == [403] * 3


def test_nothing_of_the_bucket_is_told_without_a_link_of_limner(unmarked: Client) -> None:
    url = link_of(unmarked, "not for everybody")

    refused = unmarked.get(url.partition("?")[0], auth=False)
    changed = unmarked.get(url[:-4] + "0000", auth=False)

    assert (refused.status, changed.status) == (403, 403)
    assert "Location" not in refused.headers


def test_head_and_a_copy_that_the_client_has_are_answered_by_limner(unmarked: Client) -> None:
    url = link_of(unmarked, "cached")

    head = unmarked.call("HEAD", url, auth=False)
    again = unmarked.get(url, auth=False, headers={"If-None-Match": head.headers["ETag"]})

    assert (head.status, again.status) == (200, 304)


def test_a_picture_that_limner_marks_goes_through_limner(marking: Client) -> None:
    """The bucket has the vendor's file, without the mark."""
    answer = marking.get(link_of(marking, "marked"), auth=False)

    assert answer.status == 200
    assert answer.headers["X-Limner-Mark"] in {"added", "signed"}
    assert b"DigitalSourceType" in answer.body or b"digitalsourcetype" in answer.body


def test_an_erased_picture_has_no_link(unmarked: Client) -> None:
    task = unmarked.done(prompt="erased")
    url = task["output"]["generated_image"]

    unmarked.post("/tasks/erase", {"task_ids": [task["task_id"]], "grace_s": 0})
    deadline = time.monotonic() + 60
    while unmarked.get(url, auth=False).status == 307:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    assert unmarked.get(url, auth=False).status == 404
