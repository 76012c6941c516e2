"""`limner backup`: dated backups of all that a service keeps, their check, and their restoration."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from limner.cli.terminal import Data, Json, fail, out, print_json, run_command, settings_for, table

if TYPE_CHECKING:
    from limner.application.backup.create import Created
    from limner.application.backup.manifest import Manifest
    from limner.settings import Settings
    from limner.storage.backup_store import ObjectBackups

T = TypeVar("T")

app = typer.Typer(help="Backups of database, pictures and secret: make, check and restore them.", no_args_is_help=True)

Place = Annotated[str, typer.Argument(help="A folder, or s3://BUCKET/PREFIX, gs://..., az://...", show_default=False)]
Name = Annotated[str | None, typer.Argument(help="The backup's name. Default: the newest.", show_default=False)]


@app.command("create")
def create(
    place: Place,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Delete all backups there but so many newest.")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Make a backup while the service works. Pictures that an earlier backup has are not copied again."""
    from limner.application.backup.create import CreateBackup
    from limner.db.dump import dump, kind_of
    from limner.db.migrate import current_mark
    from limner.storage.blobs import open_blobs

    settings = settings_for(data, json=json)

    async def work(backups: "ObjectBackups", scratch: Path) -> "Created":
        from limner import __version__

        url = settings.resolved_direct_url
        blobs = open_blobs(settings.resolved_storage_url)
        make = CreateBackup(
            blobs=blobs,
            backups=backups,
            dump=lambda target: dump(url, target),
            files=_files(settings),
            scratch=scratch,
            version=__version__,
            schema=current_mark(url) or "",
            database=kind_of(url),
        )
        return await make(datetime.now(UTC), keep)

    created = _with_backups(place, work, json=json)
    manifest = created.manifest
    if json:
        print_json(
            {"backup": manifest, "copied": created.copied, "damaged": created.damaged, "removed": created.removed}
        )
    else:
        out.print(f"Backup {manifest.name}: database, {manifest.blobs:,} pictures of {manifest.size:,} bytes.")
        out.print(f"{created.copied:,} pictures were new. Removed: {', '.join(created.removed) or 'nothing'}.")
    if created.damaged:
        which = ", ".join(created.damaged[:5])
        fail(
            f"{len(created.damaged)} pictures are damaged and left out: {which}",
            "See `limner doctor --hashes`.",
            json=json,
        )


@app.command("list")
def list_(place: Place, json: Json = False) -> None:
    """List the finished backups, oldest first."""
    from limner.application.backup.manifest import list_backups

    found = _with_backups(place, lambda backups, _: list_backups(backups), json=json)
    if json:
        print_json(found)
        return
    rows = [(each.name, each.version, each.database, f"{each.blobs:,}", f"{each.size:,}") for each in found]
    table("BACKUP", "LIMNER", "DATABASE", "PICTURES", "BYTES", rows=rows, empty="No backup is there.")


@app.command("verify")
def verify(
    place: Place,
    name: Name = None,
    quick: Annotated[bool, typer.Option("--quick", help="Look for the pictures without reading them.")] = False,
    json: Json = False,
) -> None:
    """Check that a backup is complete and undamaged. Exits with 1 when it is not."""

    async def work(backups: "ObjectBackups", scratch: Path) -> "tuple[Manifest, list[str]]":
        from limner.application.backup.manifest import find_backup

        manifest = await find_backup(backups, name)
        return manifest, await _faults(backups, manifest, scratch, hashes=not quick)

    manifest, faults = _with_backups(place, work, json=json)
    if json:
        print_json({"backup": manifest, "well": not faults, "faults": faults})
    else:
        for fault in faults:
            out.print(f"[red]✗[/] {fault}", soft_wrap=True)
        if not faults:
            out.print(f"[green]✓[/] Backup {manifest.name} is complete: {manifest.blobs:,} pictures.", soft_wrap=True)
    if faults:
        raise typer.Exit(1)


@app.command("restore")
def restore(place: Place, name: Name = None, data: Data = None, json: Json = False) -> None:
    """Restore a backup into an empty data folder and an empty database. Then start the service.

    The configuration says where: the database, the store of pictures, and LIMNER_SECRET if it was set.
    """
    from limner.application.backup.manifest import find_backup
    from limner.application.backup.restore import RestoreBackup
    from limner.db.dump import restore as restore_database
    from limner.storage.blobs import open_blobs

    settings = settings_for(data, json=json)

    async def work(backups: "ObjectBackups", scratch: Path) -> "Manifest":
        manifest = await find_backup(backups, name)
        _check_target(settings, manifest, json=json)
        faults = await _faults(backups, manifest, scratch, hashes=False)
        if faults:
            fail(f"the backup is not complete: {faults[0]}", "See `limner backup verify`; name another one.", json=json)
        await asyncio.to_thread(settings.data.mkdir, mode=0o700, parents=True, exist_ok=True)
        url = settings.resolved_direct_url
        put = RestoreBackup(
            backups,
            open_blobs(settings.resolved_storage_url),
            lambda copy: restore_database(url, copy),
            settings.data,
            scratch,
        )
        await put(manifest)
        return manifest

    manifest = _with_backups(place, work, json=json)
    if json:
        print_json({"backup": manifest, "data": str(settings.data)})
    else:
        out.print(f"Restored {manifest.name} into {settings.data}, {manifest.blobs:,} pictures.", soft_wrap=True)
        out.print("Check it with `limner doctor --deep --repair`, then start the service.", soft_wrap=True)


async def _faults(backups: "ObjectBackups", manifest: "Manifest", scratch: Path, *, hashes: bool) -> list[str]:
    from limner.application.backup.verify import VerifyBackup
    from limner.db.dump import check

    return await VerifyBackup(backups, check, scratch)(manifest, hashes=hashes)


def _check_target(settings: "Settings", manifest: "Manifest", *, json: bool) -> None:
    from limner.application.backup.manifest import SECRET
    from limner.db.dump import NotEmpty, check_empty, kind_of
    from limner.db.migrate import is_newer, serves_this_version

    url = settings.resolved_direct_url
    if kind_of(url) != manifest.database:
        remedy = "Set LIMNER_DATABASE_URL to an empty database of that kind."
        fail(f"the backup is of a {manifest.database} database, and this one is {kind_of(url)}", remedy, json=json)
    if is_newer(manifest.schema) and not serves_this_version(manifest.schema):
        fail(f"the backup is of Limner {manifest.version}, which is newer", "Install that version first.", json=json)
    if settings.secret is None and SECRET not in manifest.files:
        fail("the backup has no secret", "Set LIMNER_SECRET to what it was; without it every key is void.", json=json)
    try:
        check_empty(url)
    except NotEmpty as error:
        fail(str(error), "Restore into an empty database and another data folder.", json=json)


def _files(settings: "Settings") -> Mapping[str, Path]:
    """What is stored besides database and pictures, by its name in the data folder."""
    from limner.application.backup.manifest import SECRET
    from limner.settings import config_path

    data = settings.data
    found = {"limner.toml": config_path(config=settings.config, data=data)}
    if settings.secret is None:
        found[SECRET] = data / SECRET
    if settings.templates:
        found |= {f"templates/{path.relative_to(settings.templates)}": path for path in settings.templates.rglob("*")}
    found |= {f"tls/{path.name}": path for path in (data / "tls").glob("*")}
    return {name: path for name, path in found.items() if path.is_file()}


def _with_backups(place: str, work: "Callable[[ObjectBackups, Path], Awaitable[T]]", *, json: bool) -> T:
    async def run() -> T:
        from limner.storage.backup_store import open_backups

        with tempfile.TemporaryDirectory(prefix="limner-backup-") as scratch:
            return await work(await asyncio.to_thread(open_backups, place), Path(scratch))

    with _told(place, json=json):
        return run_command(lambda: asyncio.run(run()), json=json)


@contextmanager
def _told(place: str, *, json: bool) -> Iterator[None]:
    """Print the errors of backups as sentences."""
    from limner.db.database_files import CopyFailed
    from limner.ports.backup_store import BackupMissing

    try:
        yield
    except CopyFailed as error:
        fail(str(error), "See docs/backup.md.", json=json)
    except BackupMissing as error:
        fail(f"not found in {place}: {error}", "`limner backup list` shows what is there.", json=json)
