import hmac

from hypothesis import given
from hypothesis import strategies as st

from limner.domain.keyed_digest import KeyedDigest


@given(st.binary(max_size=200), st.lists(st.binary(max_size=3000), min_size=1, max_size=3))
def test_each_text_gets_its_own_hmac(key: bytes, texts: list[bytes]) -> None:
    digest = KeyedDigest(key)

    assert [digest(text) for text in texts] == [hmac.digest(key, text, "sha256") for text in texts]
