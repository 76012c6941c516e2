"""PyPI's `tripo3d` before 1.0, which speaks v2. The programs are in `programs/`."""

import hashlib
import json
from pathlib import Path

import pytest

from clients.walk import Place, Run, Walk
from contract.client import PICTURE

PRICES = {"file": 5, "files": 10, "template": 5, "uploaded": 5, "views": 10, "edited views": 10}
BY_ADDRESS = {"words": 5, "address": 5}


@pytest.fixture(scope="module")
def direct(run: Run, plain: Place) -> Walk:
    """0.4.2 with aiohttp: pictures go up by themselves."""
    return run("tripo3d_0_4.py", "tripo3d-0.4.2", plain, LIMNER_FETCHES="1")


@pytest.fixture(scope="module")
def by_s3(run: Run, secured: Place) -> Walk:
    """0.4.2 with aiohttp and boto3: pictures go into the bucket, which is always asked by https."""
    return run("tripo3d_0_4.py", "tripo3d-0.4.2-boto3", secured)


@pytest.mark.parametrize("task", [*PRICES, *BY_ADDRESS])
def test_every_image_call_of_0_4_ends_in_its_picture(direct: Walk, task: str) -> None:
    direct.check(task)


def test_what_0_4_spends_is_what_its_calls_cost(direct: Walk) -> None:
    assert direct.spent == [sum(PRICES.values()) + sum(BY_ADDRESS.values()), 0]


def test_0_4_names_its_uploads_by_token_and_sees_objects(direct: Walk) -> None:
    seen = direct.tasks["uploaded"]["input"]["file"]

    assert set(seen) == {"type", "object"}
    assert direct.tasks["address"]["input"]["file"]["url"].startswith(direct.place.served.url)


def test_0_4_shows_its_user_our_whole_answer_when_it_is_refused(direct: Walk) -> None:
    kind, _, text = direct.reported["refusal"].partition(": ")
    answer = json.loads(text.partition("Response: ")[2])

    assert kind == "TripoRequestError"
    assert text.startswith("HTTP 400")
    assert answer["code"] == 2017
    assert "gpt_image_2" in answer["suggestion"]


@pytest.mark.parametrize("task", PRICES)
def test_every_image_call_of_0_4_works_through_the_bucket(by_s3: Walk, task: str) -> None:
    by_s3.check(task)


def test_a_picture_from_the_bucket_is_kept_byte_for_byte(by_s3: Walk, secured: Place) -> None:
    key = by_s3.tasks["uploaded"]["input"]["file"]["object"]["key"]

    assert key.endswith("/input.png")
    assert kept(secured, PICTURE) == PICTURE


def test_a_picture_in_parts_is_kept_byte_for_byte(run: Run, secured: Place, large_picture: bytes) -> None:
    done = run("tripo3d_0_x.py", "tripo3d-0.4.2-boto3", secured, large_picture)

    done.check("uploaded")
    assert kept(secured, large_picture) == large_picture


@pytest.mark.parametrize("environment", ["tripo3d-0.2.1", "tripo3d-0.3.12"])
def test_older_ones_upload_and_create(run: Run, plain: Place, environment: str) -> None:
    done = run("tripo3d_0_x.py", environment, plain)

    done.check("uploaded")
    assert set(done.reported["uploaded"]) == {"file_token"}
    assert done.spent == [5, 0]
    assert '"code":2009' in done.reported["refusal"]


def test_0_3_with_boto3_finds_the_bucket_by_itself(run: Run, secured: Place) -> None:
    done = run("tripo3d_0_x.py", "tripo3d-0.3.12-boto3", secured)

    done.check("uploaded")
    assert done.reported["uploaded"]["object"]["key"].endswith("/input.jpg")  # it says jpeg of everything


def test_0_2_with_boto3_finds_the_bucket_by_a_variable(run: Run, plain: Place) -> None:
    done = run("tripo3d_0_x.py", "tripo3d-0.2.1-boto3", plain, AWS_ENDPOINT_URL_S3=plain.served.url)

    done.check("uploaded")
    assert done.reported["uploaded"]["object"]["bucket"] == "tripo-data"


@pytest.mark.parametrize("environment", ["tripo3d-0.4.2", "tripo3d-0.4.2-boto3"])
def test_a_program_that_cannot_be_reported_is_led_here_by_name(run: Run, impostor: Place, environment: str) -> None:
    done = run("tripo3d_0_x.py", environment, impostor)

    done.check("uploaded")
    assert done.reported["known"] == impostor.served.api


def test_without_aiohttp_it_knows_no_port_but_443(run: Run, impostor: Place) -> None:
    done = run("tripo3d_0_x.py", "tripo3d-0.4.2-bare", impostor)

    done.check("uploaded")
    assert "[2009]" in done.reported["refusal"]


def kept(place: Place, content: bytes) -> bytes:
    """The same bytes, from where the server keeps them."""
    name = hashlib.sha256(content).hexdigest()
    return Path(place.served.data / "blobs" / "sha256" / name[:2] / name).read_bytes()
