"""Signed pictures and what becomes of them: our report and the official reader's state, case by case."""

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from c2pa import C2paError, Reader
from PIL import Image

from limner.marking.manifest_box import without_manifest
from limner.ports.provenance import ManifestState, SigningFacts, SigningFailed
from limner.provenance.c2pa_files import C2paReader, C2paSigner
from limner.provenance.keys import KeyFolder, KeyPair

FORMATS = ("png", "jpeg", "webp")
NOW = datetime.now(UTC)


def picture(format_: str, colour: str = "teal") -> bytes:
    made, out = Image.effect_noise((200, 150), 60).convert("RGB"), io.BytesIO()
    made.paste(colour, (20, 20, 60, 60))
    made.save(out, format_)
    return out.getvalue()


def facts(format_: str) -> SigningFacts:
    return SigningFacts(f"image/{format_}", "trainedAlgorithmicMedia", "m", "p u", generative=True, made_ms=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    folder = KeyFolder(tmp_path_factory.mktemp("keys"))
    folder.ensure(NOW)
    return folder


@pytest.fixture(scope="module")
def signed(folder: KeyFolder) -> dict[str, bytes]:
    signer = C2paSigner(folder.current)
    return {each: bytes(signer.sign(io.BytesIO(picture(each)), facts(each), None).data) for each in FORMATS}


def stripped(format_: str, data: bytes) -> bytes:
    return without_manifest(f"image/{format_}", data) or b""


def encoded_again(format_: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        opened.save(out, format_)
    return out.getvalue()


def cropped(format_: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        opened.crop((0, 0, 50, 50)).save(out, format_)
    return out.getvalue()


def changed_pixels(format_: str, data: bytes) -> bytes:
    at = 2_000 if format_ == "webp" else len(data) - 200  # a WebP's manifest stands behind its pixels
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def changed_claim(_format: str, data: bytes) -> bytes:
    at = data.index(b"trainedAlgorithmicMedia")
    return data[:at] + b"T" + data[at + 1 :]


def cut(_format: str, data: bytes) -> bytes:
    return data[:6000]


def scaled(format_: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        opened.resize((80, 60)).save(out, format_)
    return out.getvalue()


def turned(format_: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        opened.transpose(Image.Transpose.ROTATE_90).save(out, format_)
    return out.getvalue()


def never_signed(format_: str, _data: bytes) -> bytes:
    return picture(format_, "red")


def changed_signature(_format: str, data: bytes) -> bytes:
    at = data.rindex(b"c2pa.signature") + 400
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def renamed_maker(_format: str, data: bytes) -> bytes:
    return data.replace(b"p u", b"p v")


def pasted(format_: str, data: bytes) -> bytes:
    """The manifest of a picture in another one."""
    other, found = picture(format_, "red"), data.index({"png": b"caBX", "jpeg": b"\xff\xeb", "webp": b"C2PA"}[format_])
    if format_ == "png":
        at = found - 4
        return other[:33] + data[at : at + int.from_bytes(data[at : at + 4]) + 12] + other[33:]
    if format_ == "jpeg":
        return other[:2] + data[found : found + 2 + int.from_bytes(data[found + 2 : found + 4])] + other[2:]
    box = data[found : found + 8 + int.from_bytes(data[found + 4 : found + 8], "little")]
    body = other[8:] + box + b"\0" * (len(box) % 2)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


VALID, NONE, INVALID = ManifestState.VALID, ManifestState.NONE, ManifestState.INVALID
UNREADABLE = ManifestState.UNREADABLE
CASES: dict[str, tuple[Callable[[str, bytes], bytes], set[ManifestState]]] = {
    "as signed": (lambda _, data: data, {VALID}),
    "foreign and never signed": (never_signed, {NONE}),
    "stripped": (stripped, {NONE}),
    "encoded again": (encoded_again, {NONE}),
    "cropped": (cropped, {NONE}),
    "scaled": (scaled, {NONE}),
    "turned": (turned, {NONE}),
    "pixels changed": (changed_pixels, {INVALID}),
    "claim changed": (changed_claim, {INVALID}),
    "maker renamed": (renamed_maker, {INVALID}),
    "signature changed": (changed_signature, {INVALID, UNREADABLE}),
    "manifest of another picture": (pasted, {INVALID}),
    "cut off": (cut, {INVALID, UNREADABLE}),
}
"""With the vendor's and the foreign ones below 45 cases: what is done to a signed picture, and what it is then."""


def official(format_: str, data: bytes) -> str:
    try:
        reader = Reader.try_create(f"image/{format_}", io.BytesIO(data))
    except C2paError:
        return ManifestState.UNREADABLE
    return (reader.get_validation_state() or "").lower() if reader else ManifestState.NONE


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(("change", "expected"), CASES.values(), ids=CASES.keys())
def test_the_report_is_what_the_official_reader_says(
    folder: KeyFolder,
    signed: dict[str, bytes],
    format_: str,
    change: Callable[[str, bytes], bytes],
    expected: set[ManifestState],
) -> None:
    data = change(format_, signed[format_])
    report = C2paReader(folder.chains).read(io.BytesIO(data), f"image/{format_}")

    assert report.state in expected
    assert report.state == official(format_, data)
    assert report.ours is (report.state in {VALID, INVALID})


@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_signed_elsewhere_is_not_ours_and_trusted_where_its_root_is(
    folder: KeyFolder, tmp_path: Path, format_: str
) -> None:
    other = KeyFolder(tmp_path)
    other.ensure(NOW)
    data = bytes(C2paSigner(other.current).sign(io.BytesIO(picture(format_)), facts(format_), None).data)
    reports = [
        C2paReader(folder.chains, trusted).read(io.BytesIO(data), f"image/{format_}")
        for trusted in (b"", other.root() or b"")
    ]

    assert [(each.state, each.ours) for each in reports] == [(VALID, False), (ManifestState.TRUSTED, False)]
    assert official(format_, data) == VALID


def test_of_a_pasted_manifest_it_is_said_that_it_fits_another_picture(
    folder: KeyFolder, signed: dict[str, bytes]
) -> None:
    report = C2paReader(folder.chains).read(io.BytesIO(pasted("png", signed["png"])), "image/png")

    assert "assertion.dataHash.mismatch" in report.problems


@pytest.mark.parametrize("format_", FORMATS)
def test_a_vendor_s_manifest_becomes_the_parent(folder: KeyFolder, signed: dict[str, bytes], format_: str) -> None:
    vendors = signed[format_]
    again = C2paSigner(folder.current).sign(io.BytesIO(vendors), facts(format_), io.BytesIO(vendors)).data
    report = C2paReader(folder.chains).read(io.BytesIO(bytes(again)), f"image/{format_}")

    assert (report.state, len(report.ingredients)) == (VALID, 1)
    assert official(format_, bytes(again)) == VALID


def test_a_box_that_claims_200_mb_is_no_more_than_unreadable(folder: KeyFolder) -> None:
    plain = picture("png")
    box = (200 << 20).to_bytes(4) + b"caBX" + b"\x0b\xeb\xc2\x00jumb" + b"\0" * 64
    report = C2paReader(folder.chains).read(io.BytesIO(plain[:33] + box + plain[33:]), "image/png")

    assert report.state in {ManifestState.UNREADABLE, NONE, INVALID}


def test_a_program_signs_where_the_private_key_is_elsewhere(folder: KeyFolder, tmp_path: Path) -> None:
    """A stand-in for a KMS: it answers in DER, as those do."""
    pair = folder.current()
    assert pair.private
    (tmp_path / "key.pem").write_bytes(pair.private)
    program = tmp_path / "sign.py"
    program.write_text(
        "import sys\n"
        "from cryptography.hazmat.primitives import hashes, serialization\n"
        "from cryptography.hazmat.primitives.asymmetric import ec\n"
        "key = serialization.load_pem_private_key(open(sys.argv[1], 'rb').read(), None)\n"
        "sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read(), ec.ECDSA(hashes.SHA256())))\n"
    )
    signer = C2paSigner(lambda: KeyPair(pair.chain, None), [sys.executable, str(program), str(tmp_path / "key.pem")])
    data = bytes(signer.sign(io.BytesIO(picture("png")), facts("png"), None).data)

    assert C2paReader(folder.chains).read(io.BytesIO(data), "image/png").state is VALID
    failing = C2paSigner(lambda: KeyPair(pair.chain, None), [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(SigningFailed, match="not signed"):
        failing.sign(io.BytesIO(picture("png")), facts("png"), None)


@pytest.mark.parametrize("format_", FORMATS)
def test_without_its_manifest_a_file_is_what_it_was(signed: dict[str, bytes], format_: str) -> None:
    assert without_manifest(f"image/{format_}", picture(format_)) is None
    with Image.open(io.BytesIO(stripped(format_, signed[format_]))) as opened:
        opened.load()


@pytest.mark.parametrize("days", [-3_000, 30], ids=["expired", "clock before its start"])
def test_a_certificate_out_of_its_time_signs_nothing(tmp_path: Path, days: int) -> None:
    folder = KeyFolder(tmp_path)
    folder.ensure(NOW + timedelta(days=days))

    with pytest.raises(SigningFailed, match="not valid at time of signing"):
        C2paSigner(folder.current).sign(io.BytesIO(picture("png")), facts("png"), None)
