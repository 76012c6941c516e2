"""The keys that sign pictures."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from limner.ports.provenance import SigningFailed
from limner.provenance.keys import KEY_LIFE, KeyFolder, algorithm, checked

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    folder = KeyFolder(tmp_path / "provenance")
    assert folder.ensure(NOW)
    return folder


def test_they_are_made_once_and_readable_by_their_owner_alone(folder: KeyFolder) -> None:
    first = folder.current()

    assert not folder.ensure(NOW)
    assert folder.current() == first
    assert algorithm(first.certificate) == "es256"
    private = [each for each in folder.path.iterdir() if each.suffix == ".key"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in private} == {0o600}
    assert {each.name for each in private} == {"root.key", "signing-1.key"}


def test_a_new_key_has_the_same_root_and_the_old_private_key_is_gone(folder: KeyFolder) -> None:
    first, root = folder.current(), folder.root()
    second = folder.rotate(NOW)

    assert second.fingerprint != first.fingerprint
    assert folder.root() == root
    assert [first.chain, second.chain] == folder.chains()
    assert not (folder.path / "signing-1.key").exists()


@pytest.mark.parametrize(
    ("now", "said"),
    [(NOW - timedelta(days=1), "and not now"), (NOW + KEY_LIFE, "and not now")],
    ids=["clock before its start", "expired"],
)
def test_a_certificate_out_of_its_time_is_refused(folder: KeyFolder, now: datetime, said: str) -> None:
    pair = folder.current()
    with pytest.raises(SigningFailed, match=said):
        checked(pair.chain, pair.private, now)


def test_what_cannot_sign_is_refused_with_a_reason(folder: KeyFolder, tmp_path: Path) -> None:
    pair, root = folder.current(), folder.root()
    other = KeyFolder(tmp_path / "other")
    other.ensure(NOW)
    assert root

    for chain, private, said in (
        (b"no", pair.private, "no PEM file of certificates"),
        (pair.chain, b"no", "no PEM file without a passphrase"),
        (pair.chain, other.current().private, "not that of the certificate"),
        (root, (folder.path / "root.key").read_bytes(), "its own issuer"),
    ):
        with pytest.raises(SigningFailed, match=said):
            checked(chain, private, NOW)


def test_without_keys_it_says_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(SigningFailed, match="limner provenance init"):
        KeyFolder(tmp_path).current()
