"""Signing and reading as configured, made when first used: the library takes a tenth of a second to load."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from limner.ports.provenance import ManifestReport, SignedPicture, SigningFacts, SigningFailed

if TYPE_CHECKING:
    from limner.ports.provenance import ManifestReader, PictureSigner
    from limner.provenance.keys import KeyFolder, KeyPair


@dataclass(frozen=True, slots=True)
class SigningConfiguration:
    """Where keys are. `certificate` and `private` are the operator's own; `program` signs in place of `private`."""

    folder: Path
    certificate: Path | None = None
    private: Path | None = None
    program: Sequence[str] = ()
    time_stamps: str | None = None
    trusted: Path | None = None


def is_installed() -> bool:
    return find_spec("c2pa") is not None


class Provenance:
    """A signer and a reader over one configuration; see `limner.ports.provenance`."""

    def __init__(self, configuration: SigningConfiguration, now: Callable[[], datetime] | None = None) -> None:
        self._configuration = configuration
        self._now = now or partial(datetime.now, UTC)
        self._lock = threading.Lock()
        self._made: tuple[PictureSigner, ManifestReader] | None = None

    @property
    def keys(self) -> "KeyFolder":
        from limner.provenance.keys import KeyFolder  # noqa: PLC0415 - with the library

        return KeyFolder(self._configuration.folder)

    @property
    def key(self) -> str:
        return self.pair().fingerprint

    def pair(self) -> "KeyPair":
        """The certificate that signs now; Limner's own is made where there is none. Raises `SigningFailed`."""
        from limner.provenance.keys import checked  # noqa: PLC0415

        own = self._configuration
        if own.certificate:
            return checked(_read(own.certificate), _read(own.private) if own.private else None, self._now())
        try:
            self.keys.ensure(self._now())
        except OSError as error:
            raise SigningFailed(f"no key can be made in {own.folder}: {error.strerror or error}") from None
        current = self.keys.current()
        return checked(current.chain, current.private, self._now())

    def sign(self, source: BinaryIO, facts: SigningFacts, parent: BinaryIO | None) -> SignedPicture:
        return self._both()[0].sign(source, facts, parent)

    def read(self, file: BinaryIO, media_type: str) -> ManifestReport:
        return self._both()[1].read(file, media_type)

    def chains(self) -> Sequence[bytes]:
        """The certificates that sign and signed here."""
        own = self._configuration.certificate
        return [*self.keys.chains(), *([_read(own)] if own else [])]

    def _both(self) -> "tuple[PictureSigner, ManifestReader]":
        from limner.provenance.c2pa_files import C2paReader, C2paSigner  # noqa: PLC0415

        with self._lock:
            if self._made is None:
                own = self._configuration
                trusted = _read(own.trusted) if own.trusted else b""
                signer = C2paSigner(self.pair, own.program, own.time_stamps)
                self._made = signer, C2paReader(self.chains, trusted)
            return self._made


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SigningFailed(f"{path} cannot be read: {error.strerror or error}") from None
