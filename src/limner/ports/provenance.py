"""Signing pictures, and reading who signed them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, Protocol


class SigningFailed(Exception):
    """A picture was not signed. The message says why; the picture itself is as it was."""


@dataclass(frozen=True, slots=True)
class SigningFacts:
    """What a manifest says of a picture. `source` is a term of IPTC's digital source types.

    `maker` is the provider and the upstream that ran, `references` are the SHA-256 of the pictures that were sent
    along. There is neither prompt nor account.
    """

    media_type: str
    source: str
    model: str
    maker: str
    generative: bool
    made_ms: int
    references: Sequence[str] = ()
    template: str | None = None
    template_version: str | None = None


@dataclass(frozen=True, slots=True)
class SignedPicture:
    """A signed copy. `key` is the fingerprint of the certificate that signed."""

    key: str
    data: memoryview


class PictureSigner(Protocol):
    """Blocking; safe to call from several threads."""

    def sign(self, source: BinaryIO, facts: SigningFacts, parent: BinaryIO | None) -> SignedPicture:
        """A signed copy of `source`. `parent` is the file that it was made of, where that has a manifest of its own.

        Raises `SigningFailed`.
        """
        ...


class ManifestState(StrEnum):
    """What a file's manifest is worth."""

    NONE = "none"
    """The file has none."""
    VALID = "valid"
    """Signed, and the file is as it was signed; who signed is not on a list of trusted ones."""
    TRUSTED = "trusted"
    """Valid, and signed by one of those that are trusted."""
    INVALID = "invalid"
    """The file or the manifest was changed, or the signature is no good; `problems` says what."""
    UNREADABLE = "unreadable"
    """There is something in the place of a manifest that cannot be read."""


@dataclass(frozen=True, slots=True)
class ManifestReport:
    """A file's manifest. `problems` are codes of the C2PA specification, section 15.2.

    `ours` says that one of this installation's certificates signed. `signer`, `generator`, `source` and `signed_at`
    are what it says: true only as far as the signature is.
    """

    state: ManifestState
    problems: Sequence[str] = ()
    ours: bool = False
    signer: str | None = None
    generator: str | None = None
    source: str | None = None
    signed_at: str | None = None
    ingredients: Sequence[str] = field(default=())


NO_MANIFEST = ManifestReport(ManifestState.NONE)


class ManifestReader(Protocol):
    def read(self, file: BinaryIO, media_type: str) -> ManifestReport:
        """Blocking. Never raises for what a file contains, and fetches nothing."""
        ...
