import os
import random
import ssl
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from contract.client import Client, client_of, newcomer
from contract.s3.bucket import Bucket
from serving import Served, serving


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that speaks HTTPS, with a certificate of its own making."""
    data = tmp_path_factory.mktemp("secured")
    with serving(data, "--tls-local", uploads_per_second="1000", account_tasks="1000") as server:
        yield server


@pytest.fixture(scope="session")
def authority(secured: Served) -> str:
    return str(secured.data / "tls" / "authority.pem")


@pytest.fixture(scope="session")
def client(secured: Served, authority: str) -> Client:
    return replace(client_of(secured), trust=ssl.create_default_context(cafile=authority))


@pytest.fixture(scope="session")
def other_client(secured: Served, client: Client) -> Client:
    """A caller of another account."""
    return replace(newcomer(secured), trust=client.trust)


@pytest.fixture
def bucket(client: Client, authority: str) -> Bucket:
    """The door for one new object of the client's."""
    return Bucket.asked_for(client, authority)


@pytest.fixture(scope="session")
def noise() -> bytes:
    """A picture of more than 8 MiB, from where on clients send in parts."""
    side = 1700
    drawn = BytesIO()
    pixels = random.Random(8).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(drawn, "PNG", compress_level=0)
    assert len(drawn.getvalue()) > 8 * 1024 * 1024
    return drawn.getvalue()


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the environment of the tests tells boto3 nothing."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
