import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from limner.cli.serving.local_tls import LIFE, RENEW_BEFORE, LocalTls, local_tls
from limner.cli.serving.uvicorn_server import Tls

NOW = datetime.now(UTC)


def made(
    folder: Path, *, host: str = "127.0.0.1", public: str = "https://127.0.0.1:8000", now: datetime = NOW
) -> LocalTls:
    folder.mkdir(exist_ok=True)
    return local_tls(folder / "tls", host, public, now)


@contextmanager
def listening(tls: LocalTls) -> Iterator[int]:
    """A server that shakes hands with whoever comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert, tls.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                connection, _ = listener.accept()
                with connection, context.wrap_socket(connection, server_side=True) as secure:
                    secure.sendall(b"hello")
            except OSError:  # the client did not like what it saw
                return

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def greets(tls: LocalTls, name: str, trust: ssl.SSLContext | None = None) -> bytes:
    """What a client hears that asks for the server by this name, and trusts the authority alone."""
    context = trust or ssl.create_default_context(cafile=tls.authority)
    with (
        listening(tls) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        return secure.recv(5)


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "::1", "tripo-data.localhost", socket.gethostname().lower()]
)
def test_clients_that_trust_the_authority_reach_this_machine_by_its_names(tmp_path: Path, name: str) -> None:
    assert greets(made(tmp_path), name) == b"hello"


@pytest.mark.parametrize("name", ["images.example.org", "tripo-data.images.example.org", "192.0.2.7"])
def test_the_public_name_and_the_address_listened_on_are_covered(tmp_path: Path, name: str) -> None:
    tls = made(tmp_path, host="192.0.2.7", public="https://images.example.org")

    assert greets(tls, name) == b"hello"


def test_another_name_is_not_covered(tmp_path: Path) -> None:
    tls = made(tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        greets(tls, "example.org")


def test_a_client_that_does_not_know_the_authority_turns_away(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate in certificate chain"):
        greets(made(tmp_path), "localhost", ssl.create_default_context())


def test_the_authority_may_vouch_for_these_names_alone(tmp_path: Path) -> None:
    authority = x509.load_pem_x509_certificate(made(tmp_path).authority.read_bytes())

    allowed = authority.extensions.get_extension_for_class(x509.NameConstraints)
    names = {str(each.value) for each in allowed.value.permitted_subtrees or ()}

    assert allowed.critical
    assert names >= {"localhost", "tripo-data.localhost", "127.0.0.1/32", "::1/128"}
    assert not any(name.startswith((".", "0.0.0.0")) for name in names)


def test_no_key_is_kept_but_the_server_s_own_and_it_is_the_owner_s_alone(tmp_path: Path) -> None:
    tls = made(tmp_path)

    with_keys = [path for path in tls.key.parent.iterdir() if b"PRIVATE KEY" in path.read_bytes()]

    assert with_keys == [tls.key]
    assert stat.S_IMODE(tls.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(tls.authority.stat().st_mode) == 0o644


def test_what_was_made_is_used_again(tmp_path: Path) -> None:
    first = made(tmp_path)
    content = first.authority.read_bytes()

    second = made(tmp_path)

    assert (first.made, second.made) == (True, False)
    assert second.authority.read_bytes() == content


def test_it_is_made_anew_before_it_ends(tmp_path: Path) -> None:
    made(tmp_path)

    assert not made(tmp_path, now=NOW + LIFE - RENEW_BEFORE - timedelta(days=2)).made
    assert made(tmp_path, now=NOW + LIFE - RENEW_BEFORE).made


def test_it_is_made_anew_for_another_name(tmp_path: Path) -> None:
    made(tmp_path)

    assert made(tmp_path, public="https://images.example.org").made


@pytest.mark.parametrize("name", ["authority.pem", "server.pem", "server.key"])
@pytest.mark.parametrize("damage", ["missing", "rubbish", "another's"])
def test_it_is_made_anew_when_a_file_is_damaged(tmp_path: Path, name: str, damage: str) -> None:
    other = made(tmp_path / "other", public="https://other.example.org") if damage == "another's" else None
    tls = made(tmp_path)
    path = tls.key.parent / name
    if other:
        path.write_bytes((other.key.parent / name).read_bytes())
    elif damage == "rubbish":
        path.write_bytes(b"rubbish")
    else:
        path.unlink()

    again = made(tmp_path)

    assert again.made
    assert greets(again, "localhost") == b"hello"


# --- a certificate of the operator's ------------------------------------------------------------------------------


def test_a_certificate_and_its_key_pass(tmp_path: Path) -> None:
    tls = made(tmp_path)

    Tls(tls.cert, tls.key).check()


@pytest.mark.parametrize(
    ("cert", "key", "why"),
    [
        ("missing.pem", "server.key", "No such file or directory"),
        ("server.pem", "missing.key", "No such file or directory"),
        ("rubbish", "server.key", "PEM"),
        ("server.pem", "rubbish", "PEM"),
        ("server.pem", "other.key", "KEY_VALUES_MISMATCH"),
    ],
)
def test_a_certificate_that_cannot_be_served_with_is_reported_so(tmp_path: Path, cert: str, key: str, why: str) -> None:
    folder = made(tmp_path).key.parent
    (folder / "other.key").write_bytes(made(tmp_path / "other").key.read_bytes())
    (folder / "rubbish").write_bytes(b"rubbish")

    with pytest.raises(ValueError, match=why) as reported:
        Tls(folder / cert, folder / key).check()

    assert str(folder / cert) in str(reported.value)


def test_servers_that_start_together_make_one_certificate(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def starts() -> tuple[bool, bytes]:
        together.wait(20)
        tls = made(tmp_path)
        Tls(tls.cert, tls.key).check()
        return tls.made, tls.authority.read_bytes()

    with ThreadPoolExecutor(4) as servers:
        outcomes = [each.result() for each in [servers.submit(starts) for _ in range(4)]]

    assert sorted(was_made for was_made, _ in outcomes) == [False, False, False, True]
    assert len({authority for _, authority in outcomes}) == 1
