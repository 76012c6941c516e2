import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from limner.settings import Settings


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("LIMNER_")]:
        monkeypatch.delenv(name)


def settings(**chosen: Any) -> Settings:
    return Settings(data=Path("/nowhere"), **chosen)


@pytest.mark.parametrize(
    ("chosen", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "images.lan", "port": 80}, "http://images.lan"),
        ({"host": "::1"}, "http://[::1]:8000"),
        ({"host": "0.0.0.0"}, "http://localhost:8000"),
        ({"host": "::"}, "http://localhost:8000"),
        ({"tls_local": True}, "https://127.0.0.1:8000"),
        ({"tls_cert": "a.pem", "tls_key": "a.key"}, "https://127.0.0.1:8000"),
        ({"tls_local": True, "port": 443}, "https://127.0.0.1"),
        ({"port": 443}, "http://127.0.0.1:443"),
        ({"public_url": "https://images.example.org/"}, "https://images.example.org"),
        ({"public_url": ""}, "http://127.0.0.1:8000"),
        ({"public_url": "http://images.example.org", "tls_local": True}, "http://images.example.org"),
    ],
)
def test_clients_reach_the_server_where_it_listens_unless_reported_otherwise(chosen: dict[str, Any], url: str) -> None:
    assert settings(**chosen).resolved_public_url == url


@pytest.mark.parametrize("url", ["images.example.org", "ftp://images.example.org", "https://"])
def test_a_public_url_has_to_be_one(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an address that begins with http:// or https://"):
        settings(public_url=url)


@pytest.mark.parametrize(
    "chosen",
    [{"tls_cert": "a.pem"}, {"tls_key": "a.key"}, {"tls_cert": "a.pem", "tls_key": "a.key", "tls_local": True}],
)
def test_a_certificate_comes_with_its_key_and_alone(chosen: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="tls_"):
        settings(**chosen)
