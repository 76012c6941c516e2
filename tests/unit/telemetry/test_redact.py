import time
from urllib.parse import quote

import pytest

from limner.telemetry.redact import REPLACEMENT, Redact

SECRETS = ["vendor-key-0123", 'odd/key+with="signs"%', "schlüssel-geheim"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", ["{}", "say {} again {}", '{{"key": "{}"}}', "https://{}@host", "x{}y"])
def test_a_known_value_is_taken_out_wherever_it_stands(secret: str, form: str) -> None:
    redact = Redact(SECRETS)

    assert secret not in redact(form.format(secret, secret))
    assert REPLACEMENT in redact(form.format(secret, secret))


@pytest.mark.parametrize("secret", SECRETS)
def test_a_known_value_is_taken_out_in_other_spellings(secret: str) -> None:
    redact, spelled = Redact(SECRETS), quote(secret, safe="")

    assert redact(f"/path?x={spelled}") == f"/path?x={REPLACEMENT}"


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("key tsk_cB_qC1JinTnfJpMIDJmObGUfh", "key […]"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "[…]"),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", "Authorization: Bearer […]"),
        ("authorization: key 0c2a6b7e-1111:4f5e6d7c8b9a0f1e2d3c", "authorization: key […]"),
        ("sk-proj-abcdefghij0123456789 and r8_abcdefghij0123", "[…] and […]"),
        ("GET /files/a.png?exp=17&sig=0123abcd&x=1", "GET /files/a.png?exp=17&sig=[…]&x=1"),
        ("?X-Amz-Credential=AKIA/2026&X-Amz-Signature=ab12", "?X-Amz-Credential=[…]&X-Amz-Signature=[…]"),
        ("postgresql://limner:hunter2@db/limner", "postgresql://limner:[…]@db/limner"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_though_nobody_named_it(line: str, left: str) -> None:
    assert Redact()(line) == left


@pytest.mark.parametrize(
    "line",
    [
        "the bearer of good news told the basic truth",
        "http://127.0.0.1:8000/path/a@b",
        "https://host:8080/x?q=1",
        "task-12345678 asked for a desk-lamp-0123456789",
        "key word, token ring",
        "",
    ],
)
def test_plain_words_stay(line: str) -> None:
    assert Redact()(line) == line


def test_a_short_value_blanks_nobody_else_s_words() -> None:
    assert Redact(["key"])("the key") == "the key"


def test_the_longer_of_two_values_goes_whole() -> None:
    assert Redact(["secret", "secret-and-more"])("secret-and-more") == REPLACEMENT


@pytest.mark.parametrize("filler", ["tsk_", "Bearer ", "://a:", "?sig=", "Key \t ", "a"])
def test_a_long_line_is_read_once(filler: str) -> None:
    began = time.process_time()
    Redact(SECRETS)(filler * 100_000)

    assert time.process_time() - began < 5
