"""A certificate for a server that has no other: for this machine's names, by an authority that signs nothing else.

The authority's key is discarded after signing, and name constraints limit the authority to these names:
no stolen key can be used to impersonate another site.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from limner.certificates import certificate_builder, key_usage, locked, pem, pem_of_key, replace_file
from limner.domain.upload import BUCKET

LIFE = timedelta(days=820)
"""Apple's systems take no server certificate that lasts longer than 825 days."""

RENEW_BEFORE = timedelta(days=60)

_AUTHORITY, _SERVER, _KEY = "authority.pem", "server.pem", "server.key"


@dataclass(frozen=True, slots=True)
class LocalTls:
    """Where the files are. Clients trust `authority`; `made` says that it is a new one."""

    authority: Path
    cert: Path
    key: Path
    made: bool


def local_tls(folder: Path, host: str, public_url: str, now: datetime) -> LocalTls:
    """The certificate in `folder`, made anew when there is none, it ends soon, or it lacks a name."""
    names = names_of(host, urlsplit(public_url).hostname)
    folder.mkdir(exist_ok=True)
    with locked(folder):  # of several servers that start together, one makes the files and the others use them
        return _files(folder, made=False) if serves(folder, names, now) else _make(folder, names, now)


def _make(folder: Path, names: Sequence[str], now: datetime) -> LocalTls:
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(authority_key, names, now)
    server = _server(server_key, authority, authority_key, names, now)
    # The key comes first: who is cut off here begins anew.
    replace_file(folder / _KEY, pem_of_key(server_key), 0o600)
    replace_file(folder / _AUTHORITY, pem(authority), 0o644)
    replace_file(folder / _SERVER, pem(server) + pem(authority), 0o644)
    return _files(folder, made=True)


def names_of(host: str, public_host: str | None) -> list[str]:
    """The names of this machine: its own, its public one, and those with the bucket's name in front."""
    hosts = dict.fromkeys(["localhost", socket.gethostname().lower(), public_host or "localhost"])
    addresses = dict.fromkeys(["127.0.0.1", "::1", *(name for name in (host, *hosts) if _address(name))])
    named = [name for name in hosts if not _address(name) and _is_name(name)]
    reachable = [address for address in addresses if not ip_address(address).is_unspecified]
    return [*named, *(f"{BUCKET}.{name}" for name in named), *reachable]


def serves(folder: Path, names: Sequence[str], now: datetime) -> bool:
    """Whether the certificate in `folder` is good for all of these names, and for a while."""
    files = _files(folder, made=False)
    try:
        cert = x509.load_pem_x509_certificate(files.cert.read_bytes())
        authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        cert.verify_directly_issued_by(authority)
        alternatives = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - whatever is wrong with the files, they are of no use
        return False
    covered = {*alternatives.get_values_for_type(x509.DNSName)}
    covered |= {str(address) for address in alternatives.get_values_for_type(x509.IPAddress)}
    return (
        cert.public_key() == key.public_key()
        and covered >= set(names)
        and now + RENEW_BEFORE < cert.not_valid_after_utc
    )


def _files(folder: Path, *, made: bool) -> LocalTls:
    return LocalTls(folder / _AUTHORITY, folder / _SERVER, folder / _KEY, made)


def _authority(key: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Limner local authority {now:%Y-%m-%d %H:%M:%S}")])
    allowed = [_constraint(each) for each in names]
    return (
        certificate_builder(name, name, key.public_key(), _start(now), LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    now: datetime,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Limner")])
    return (
        certificate_builder(name, authority.subject, key.public_key(), _start(now), LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _start(now: datetime) -> datetime:
    """A day ago, for clients whose clock is behind."""
    return now.astimezone(UTC) - timedelta(days=1)


def _general(name: str) -> x509.GeneralName:
    address = _address(name)
    return x509.IPAddress(address) if address else x509.DNSName(name)


def _constraint(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_network(name)) if _address(name) else x509.DNSName(name)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _is_name(name: str) -> bool:
    """Whether a certificate can hold it."""
    return bool(name) and name.isascii() and all(letter.isalnum() or letter in "-." for letter in name)
