import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import NOON_MS, ManualClock
from limner.application.images.upload_credentials import LIFE_S, IssueUploadCredentials, SessionTokenSigner, UploadGrant
from limner.db.tables.keys import Key
from limner.domain.ids import AccountId, KeyId

SIGNER = SessionTokenSigner(b"a secret that is as long as it should be")
GRANT = UploadGrant(KeyId("00000000-0000-4000-8000-000000000001"), "tcli_0/20270115/t/input.png", 1_800_003_600)
KEY = Key(GRANT.key, AccountId("a"), f"tcli_{'0' * 32}", "first", "tsk_abcd", ("generate",), NOON_MS, None)


def test_credentials_have_the_shape_of_aws() -> None:
    made = IssueUploadCredentials(SIGNER, ManualClock(), "localhost:9443")(KEY, "image/jpeg")

    assert (made.host, made.bucket) == ("localhost:9443", "tripo-data")
    assert re.fullmatch(rf"{KEY.account_tag}/20270115/[0-9a-f-]{{36}}/input\.jpg", made.object_key)
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", made.access_key)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", made.secret_key)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", made.session_token)
    assert made.expires_s == NOON_MS // 1000 + LIFE_S


def test_credentials_end_with_the_key_that_asked_for_them() -> None:
    ending = replace(KEY, expires_ms=NOON_MS + 60_999)
    made = IssueUploadCredentials(SIGNER, ManualClock(), "localhost")(ending, "image/png")

    assert made.expires_s == NOON_MS // 1000 + 60


def test_no_two_credentials_are_for_one_object() -> None:
    issue = IssueUploadCredentials(SIGNER, ManualClock(), "localhost")

    made = [issue(KEY, "image/png") for _ in range(100)]

    for part in ("object_key", "session_token", "access_key", "secret_key"):
        assert len({getattr(each, part) for each in made}) == len(made)


def test_a_verified_token_has_its_grant() -> None:
    made = IssueUploadCredentials(SIGNER, ManualClock(), "localhost")(KEY, "image/png")

    session = SIGNER.verify(made.session_token)

    assert session
    assert session.grant == UploadGrant(KEY.id, made.object_key, made.expires_s)
    assert (session.access_key, session.secret_key) == (made.access_key, made.secret_key)
    assert session.grant.account_tag == KEY.account_tag
    assert f"/{session.grant.token}/" in made.object_key


def test_a_token_of_another_secret_is_none_of_ours() -> None:
    assert SessionTokenSigner(b"another secret, as long as it should be").verify(SIGNER.issue(GRANT)) is None


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda data: data.hex()))
def test_a_forged_token_is_refused(text: str) -> None:
    assert SIGNER.verify(text) is None


TOKEN = SIGNER.issue(GRANT)
LETTERS = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/")


@given(st.integers(0, len(TOKEN) - 1), LETTERS)
def test_no_letter_of_a_token_can_be_changed(at: int, letter: str) -> None:
    changed = TOKEN[:at] + letter + TOKEN[at + 1 :]

    assert (SIGNER.verify(changed) is None) == (changed != TOKEN)


@pytest.mark.parametrize("form", ["{} ", " {}", "{}=", "{}==", "{}\n", "{0}{0}"])
def test_a_token_has_one_spelling(form: str) -> None:
    assert SIGNER.verify(form.format(TOKEN)) is None
