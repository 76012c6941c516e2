from urllib.parse import parse_qs, urlsplit

import pytest

from limner.domain.ids import TaskId
from limner.storage.signed_links import SignedLinks


@pytest.mark.parametrize("length", [32, 64, 65, 500])
def test_a_secret_of_any_length_signs_links(length: int) -> None:
    links = SignedLinks(b"s" * length, "https://images.example.org/", 60)

    url = urlsplit(links.picture("tcli_0", TaskId("a-task"), "png", 1_000_000))

    asked = parse_qs(url.query)
    assert links.holds(url.path, int(asked["exp"][0]), asked["sig"][0], 1_059_999)
    assert not links.holds(url.path, int(asked["exp"][0]), asked["sig"][0], 1_060_000)
