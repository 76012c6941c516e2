"""The published check values: what each algorithm makes of the digits 1 to 9."""

import hashlib

import pytest

from limner.api.s3.checksums import ALGORITHMS, start

DIGITS = b"123456789"
PUBLISHED = {
    "crc32": "cbf43926",
    "crc32c": "e3069283",
    "crc64nvme": "ae8b14860a799888",
    "sha1": hashlib.sha1(DIGITS, usedforsecurity=False).hexdigest(),
    "sha256": hashlib.sha256(DIGITS).hexdigest(),
}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_checksum_is_the_published_one_however_the_bytes_come(name: str) -> None:
    digest = start({name})[name]
    for at in range(0, len(DIGITS), 4):
        digest.update(DIGITS[at : at + 4])

    assert digest.digest().hex() == PUBLISHED[name]
