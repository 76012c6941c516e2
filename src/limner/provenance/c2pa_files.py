"""Signing pictures and reading their manifests with c2pa-python, the library of the Content Authenticity Initiative.

Settings go into a `Context` of our own: the library's global ones change nothing in 0.38, and by its default a
thumbnail is made of each picture, which costs 20 times the CPU.
"""

import io
import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

from c2pa import (
    Builder,
    C2paBuilderIntent,
    C2paError,
    C2paSignerInfo,
    C2paSigningAlg,
    Context,
    Reader,
    Settings,
    Signer,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from limner.ports.provenance import (
    NO_MANIFEST,
    ManifestReport,
    ManifestState,
    SignedPicture,
    SigningFacts,
    SigningFailed,
)
from limner.provenance.keys import KeyPair, algorithm
from limner.provenance.manifest import VOCABULARY, manifest_of

_SIGNING: Final[dict[str, Any]] = {
    "version": 1,
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}
_READING: Final[dict[str, Any]] = {
    "version": 1,
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
}
PROGRAM_TIMEOUT_S: Final = 20.0
_ALGORITHMS: Final = {each.name.lower(): each for each in C2paSigningAlg}
_SIGNATURE_SIDE: Final = {"es256": 32, "es384": 48, "es512": 66}


class C2paSigner:
    """Signs with what `find_key` returns at each call; where that has no private key, with `program`."""

    def __init__(
        self, find_key: Callable[[], KeyPair], program: Sequence[str] = (), time_stamps: str | None = None
    ) -> None:
        self._find_key = find_key
        self._program = program
        self._time_stamps = time_stamps
        self._lock = threading.Lock()
        self._context: tuple[KeyPair, Context] | None = None

    def sign(self, source: BinaryIO, facts: SigningFacts, parent: BinaryIO | None) -> SignedPicture:
        signed = io.BytesIO()
        pair, context = self._ready()
        try:
            builder = Builder(manifest_of(facts, edits_parent=parent is not None), context)
            if parent is not None:
                builder.set_intent(C2paBuilderIntent.EDIT)
                builder.add_ingredient({"relationship": "parentOf"}, facts.media_type, parent)
            builder.sign(facts.media_type, source, signed)
        except (C2paError, ValueError, OSError) as error:
            raise SigningFailed(f"the picture was not signed: {error}") from None
        return SignedPicture(pair.fingerprint, signed.getbuffer())

    def _ready(self) -> tuple[KeyPair, Context]:
        """The key that signs now and its context, which is made anew when the key was changed."""
        pair = self._find_key()
        with self._lock:
            if self._context is None or self._context[0] != pair:
                self._context = pair, Context(Settings.from_dict(_SIGNING), self._signer(pair))
            return self._context

    def _signer(self, pair: KeyPair) -> Signer:
        name = algorithm(pair.certificate)
        if pair.private:
            stamps = self._time_stamps.encode() if self._time_stamps else None
            return Signer.from_info(C2paSignerInfo(name.encode(), pair.chain, pair.private, stamps))
        if not self._program:
            raise SigningFailed("there is a certificate without its private key, and no program that signs")
        sign = _by_program(self._program, name)
        return Signer.from_callback(sign, _ALGORITHMS[name], pair.chain.decode(), self._time_stamps)


def _by_program(program: Sequence[str], name: str) -> Callable[[bytes], bytes]:
    """Signs by a program that reads the bytes from its input and writes the signature."""

    def sign(data: bytes) -> bytes:
        ran = subprocess.run(  # noqa: S603 - the operator's own
            list(program), input=data, capture_output=True, timeout=PROGRAM_TIMEOUT_S, check=False
        )
        if ran.returncode or not ran.stdout:
            raise OSError(f"{program[0]} ended with {ran.returncode}")
        return _raw(ran.stdout, name)

    return sign


def _raw(signature: bytes, name: str) -> bytes:
    """COSE wants the two numbers of an ECDSA signature side by side; OpenSSL and most services write DER."""
    side = _SIGNATURE_SIDE.get(name)
    if side is None or len(signature) == 2 * side:
        return signature
    r, s = decode_dss_signature(signature)
    return r.to_bytes(side) + s.to_bytes(side)


class C2paReader:
    """`find_chains` are the certificates that sign and signed here, `trusted` further ones in PEM."""

    def __init__(self, find_chains: Callable[[], Sequence[bytes]], trusted: bytes = b"") -> None:
        self._find_chains = find_chains
        trust = {"trust": {"user_anchors": trusted.decode()}} if trusted else {}
        self._context = Context(Settings.from_dict({**_READING, **trust}))

    def read(self, file: BinaryIO, media_type: str) -> ManifestReport:
        try:
            reader = Reader.try_create(media_type, file, context=self._context)
        except (C2paError, ValueError, OSError) as error:
            return ManifestReport(ManifestState.UNREADABLE, [f"unreadable: {error}"[:300]])
        if reader is None:
            return NO_MANIFEST
        with reader:
            return self._report(json.loads(reader.json()))

    def _report(self, store: dict[str, Any]) -> ManifestReport:
        active = store.get("manifests", {}).get(store.get("active_manifest"), {})
        results = store.get("validation_results", {}).get("activeManifest", {})
        problems = [str(each.get("code")) for each in results.get("failure", [])]
        worse = [each for each in problems if each != "signingCredential.untrusted"]
        told = {"Trusted": ManifestState.TRUSTED, "Valid": ManifestState.VALID}.get(store.get("validation_state", ""))
        state = ManifestState.INVALID if worse or told is None else told
        signature = active.get("signature_info", {})
        return ManifestReport(
            state,
            problems,
            ours=str(signature.get("cert_serial_number")) in self._serials(),
            signer=_text(signature.get("issuer")),
            generator=_generator(active),
            source=_source(active),
            signed_at=_text(signature.get("time")),
            ingredients=[str(each.get("instance_id")) for each in active.get("ingredients", [])],
        )

    def _serials(self) -> set[str]:
        chains = self._find_chains()
        return {str(x509.load_pem_x509_certificates(each)[0].serial_number) for each in chains}


def _generator(manifest: dict[str, Any]) -> str | None:
    info: dict[str, Any] = next(iter(manifest.get("claim_generator_info") or []), {})
    name = " ".join(str(info[each]) for each in ("name", "version") if info.get(each))
    return _text(name or manifest.get("claim_generator"))


def _source(manifest: dict[str, Any]) -> str | None:
    """The term of IPTC's vocabulary that the first action names."""
    for assertion in manifest.get("assertions", []):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", []):
                if kind := action.get("digitalSourceType"):
                    return _text(str(kind).removeprefix(VOCABULARY))
    return None


def _text(value: Any) -> str | None:
    """Of unknown origin: short and printable."""
    return "".join(each for each in str(value) if each.isprintable())[:200] if value else None
