"""The keys that sign pictures: a root and signing keys of our own, or the operator's certificate.

The folder holds `root.pem` and `root.key`, and `signing-1.pem`, `signing-1.key`, `signing-2.pem` …; the highest number
signs. A certificate file holds the whole chain, the signing certificate first. Earlier certificates stay, so that what
they signed is recognised; their keys are deleted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from limner.certificates import certificate_builder, key_usage, locked, pem, pem_of_key, replace_file
from limner.ports.provenance import SigningFailed

ROOT_LIFE: Final = timedelta(days=3650)
KEY_LIFE: Final = timedelta(days=730)
_EARLIER: Final = timedelta(minutes=10)
"""Certificates begin so long before now, for readers whose clock is behind."""

_CACHED: Final = 4
"""Keys whose files are not parsed again for each picture that is signed."""

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A chain of certificates in PEM, the signing one first, and its private key, None where a program signs."""

    chain: bytes
    private: bytes | None

    @property
    def certificate(self) -> x509.Certificate:
        return _signing_certificate(self.chain)

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()


@dataclass(frozen=True, slots=True)
class KeyFolder:
    path: Path

    def ensure(self, now: datetime) -> bool:
        """Make a root and a signing key where there is no key yet; says whether they were made."""
        if self._numbers():
            return False
        with self._locked():
            if self._numbers():  # made by another process meanwhile
                return False
            self._make(now, 1)
            return True

    def rotate(self, now: datetime) -> KeyPair:
        """A new signing key by the same root; the earlier private keys are deleted. Raises `SigningFailed`."""
        with self._locked():
            numbers = self._numbers()
            self._make(now, (numbers[-1] if numbers else 0) + 1)
            for number in numbers:
                self._key(number).unlink(missing_ok=True)
            return self.current()

    def take(self, pair: KeyPair) -> None:
        """Sign with this key from now on; it was checked by `checked`."""
        with self._locked():
            numbers = self._numbers()
            number = (numbers[-1] if numbers else 0) + 1
            replace_file(self._key(number), pair.private or b"", 0o600)
            replace_file(self._chain(number), pair.chain, 0o644)
            for each in numbers:
                self._key(each).unlink(missing_ok=True)

    def current(self) -> KeyPair:
        """What signs now. Raises `SigningFailed` where there is none, or it cannot be read."""
        numbers = self._numbers()
        if not numbers:
            raise SigningFailed(f"there is no signing key in {self.path}: `limner provenance init` makes one")
        try:
            return KeyPair(self._chain(numbers[-1]).read_bytes(), self._key(numbers[-1]).read_bytes())
        except OSError as error:
            raise SigningFailed(f"the signing key in {self.path} cannot be read: {error.strerror or error}") from None

    def chains(self) -> list[bytes]:
        """All certificates that signed here, and sign."""
        return [self._chain(number).read_bytes() for number in self._numbers()]

    def root(self) -> bytes | None:
        """The root's certificate; None where the operator's own certificate signs alone."""
        file = self.path / "root.pem"
        return file.read_bytes() if file.exists() else None

    def _make(self, now: datetime, number: int) -> None:
        root, root_key = self._root(now)
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _leaf(key, root, root_key, now, number)
        # The key comes first: the certificate's file says that there is one.
        replace_file(self._key(number), pem_of_key(key), 0o600)
        replace_file(self._chain(number), pem(leaf) + pem(root), 0o644)

    def _root(self, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        cert_file, key_file = self.path / "root.pem", self.path / "root.key"
        if cert_file.exists():
            root = x509.load_pem_x509_certificate(cert_file.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            if isinstance(key, ec.EllipticCurvePrivateKey) and now + KEY_LIFE < root.not_valid_after_utc:
                return root, key
        key = ec.generate_private_key(ec.SECP256R1())
        root = _root(key, now)
        replace_file(key_file, pem_of_key(key), 0o600)
        replace_file(cert_file, pem(root), 0o644)
        return root, key

    def _numbers(self) -> list[int]:
        names = [each.stem.partition("-")[2] for each in self.path.glob("signing-*.pem")]
        return sorted(int(name) for name in names if name.isdecimal())

    def _chain(self, number: int) -> Path:
        return self.path / f"signing-{number}.pem"

    def _key(self, number: int) -> Path:
        return self.path / f"signing-{number}.key"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time makes keys."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.path):
            yield


def checked(chain: bytes, private: bytes | None, now: datetime) -> KeyPair:
    """A certificate that may sign pictures, and its key. Raises `SigningFailed` for what readers would not accept."""
    try:
        certificate = _signing_certificate(chain)
    except ValueError as error:
        raise SigningFailed(f"the certificate is no PEM file of certificates: {error}") from None
    if private is not None:
        _check_key(chain, private)
    if certificate.issuer == certificate.subject:
        raise SigningFailed("the certificate is its own issuer: C2PA takes one that an authority issued")
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        raise SigningFailed(f"the certificate is valid from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and not now")
    return KeyPair(chain, private)


@lru_cache(maxsize=_CACHED)
def _signing_certificate(chain: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain)[0]


@lru_cache(maxsize=_CACHED)
def _check_key(chain: bytes, private: bytes) -> None:
    try:
        key = serialization.load_pem_private_key(private, None)
    except (ValueError, TypeError) as error:
        raise SigningFailed(f"the private key is no PEM file without a passphrase: {error}") from None
    if not isinstance(key, SigningKey) or key.public_key() != _signing_certificate(chain).public_key():
        raise SigningFailed("the private key is not that of the certificate")


def algorithm(certificate: x509.Certificate) -> str:
    """C2PA's name of the certificate's algorithm. Raises `SigningFailed`."""
    match certificate.public_key():
        case ec.EllipticCurvePublicKey() as key:
            names = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
            if key.curve.name in names:
                return names[key.curve.name]
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case rsa.RSAPublicKey():
            return "ps256"
    raise SigningFailed("C2PA knows no algorithm for the certificate's key: use P-256, P-384, P-521, Ed25519 or RSA")


# --- certificates ---------------------------------------------------------------------------------------------------


def _root(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _name(f"Limner local root {now:%Y-%m-%d}")
    return (
        certificate_builder(name, name, key.public_key(), _start(now), ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    number: int,
) -> x509.Certificate:
    return (
        certificate_builder(
            _name(f"Limner signing key {number}"), root.subject, key.public_key(), _start(now), KEY_LIFE
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Limner"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _start(now: datetime) -> datetime:
    return now.astimezone(UTC) - _EARLIER
