"""`limner provenance`: the keys that sign pictures, and what they signed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.terminal import Data, Json, fail, out, print_json, settings_for, with_limner

if TYPE_CHECKING:
    from limner.db.records import Records
    from limner.db.tables.provenance.signed_copies import SignedByKey
    from limner.provenance.keys import KeyFolder, KeyPair

app = typer.Typer(help="The keys that sign pictures (C2PA), and what they signed.", no_args_is_help=True)

UNTRUSTED = (
    "Readers call its signatures valid and their signer untrusted, until they are given the root: "
    "`limner provenance export`."
)
_SIGNS_NOW = "signs now"


@app.command("init")
def init(data: Data = None, json: Json = False) -> None:
    """Make a root and a signing key, unless there are keys. The first signature does the same by itself."""
    folder = _folder(data, json=json)
    made = folder.ensure(datetime.now(UTC))
    _print_key(folder.current(), "made" if made else _SIGNS_NOW, json=json)


@app.command("rotate")
def rotate(data: Data = None, json: Json = False) -> None:
    """Sign with a new key of the same root from now on. The earlier private key is deleted, its certificate stays."""
    _print_key(_folder(data, json=json).rotate(datetime.now(UTC)), "made", json=json)


@app.command("import")
def import_(
    certificate: Annotated[Path, typer.Argument(help="A chain in PEM, the signing certificate first.", exists=True)],
    key: Annotated[Path, typer.Argument(help="Its private key in PEM, without a passphrase.", exists=True)],
    data: Data = None,
    json: Json = False,
) -> None:
    """Sign with an authority's certificate from now on. It is checked first, and copied into the data folder."""
    from limner.ports.provenance import SigningFailed
    from limner.provenance.keys import algorithm, checked

    folder = _folder(data, json=json)
    try:
        pair = checked(certificate.read_bytes(), key.read_bytes(), datetime.now(UTC))
        algorithm(pair.certificate)
    except SigningFailed as error:
        fail(str(error), "C2PA says what a signing certificate needs: specification 2.2, section 14.5.", json=json)
    folder.take(pair)
    _print_key(pair, "imported", json=json)


@app.command("export")
def export(data: Data = None) -> None:
    """Print the certificate by which readers recognise what is signed here: the root, or the imported chain."""
    folder = _folder(data, json=False)
    folder.ensure(datetime.now(UTC))
    typer.echo((folder.root() or folder.current().chain).decode(), nl=False)


@app.command("report")
def report(
    since: Annotated[datetime, typer.Option("--since", help="From this day on (UTC).", formats=["%Y-%m-%d"])],
    until: Annotated[
        datetime | None, typer.Option("--until", help="Up to, not including, this day.", formats=["%Y-%m-%d"])
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """How many pictures were made and signed in a period, and by which keys. It names no account and no prompt."""
    start = int(since.replace(tzinfo=UTC).timestamp() * 1000)
    end = int((until.replace(tzinfo=UTC) if until else datetime.now(UTC)).timestamp() * 1000)

    def read(records: "Records") -> "tuple[tuple[int, int], list[SignedByKey]]":
        return records.signed_copies.made(start, end), list(records.signed_copies.by_key(start, end))

    (tasks, pictures), keys = with_limner(data, lambda limner: limner.store.read(read), json=json)
    if json:
        signed = [{"key": each.key or None, "pictures": each.pictures} for each in keys]
        print_json({"tasks": tasks, "pictures": pictures, "delivered": signed})
        return
    out.print(f"Made       {pictures} pictures by {tasks} tasks")
    for each in keys:
        by = f"signed by {each.key}" if each.key else "with the vendor's own manifest, unaltered"
        out.print(f"Delivered  {each.pictures} {by}", soft_wrap=True)


def _folder(data: Path | None, *, json: bool) -> "KeyFolder":
    from limner.provenance.installed import is_installed

    settings = settings_for(data, json=json)
    if not is_installed():
        fail("what signs pictures is not installed", 'Install it: pip install "limner[provenance]"', json=json)
    from limner.provenance.keys import KeyFolder

    return KeyFolder(settings.data / "provenance")


def _print_key(pair: "KeyPair", what: str, *, json: bool) -> None:
    certificate = pair.certificate
    until = certificate.not_valid_after_utc
    if json:
        print_json({"key": pair.fingerprint, "state": what, "until": until.isoformat()})
        return
    out.print(f"Key {pair.fingerprint}, {what}, valid until {until:%Y-%m-%d}.", soft_wrap=True)
    if what != "imported":
        out.print(UNTRUSTED, soft_wrap=True)
