"""`limner doctor`: whether this installation is healthy, and what to do where it is not."""

import asyncio
import shutil
import sys
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner.cli.terminal import Data, Json, out, print_json, settings_for

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.settings import Settings

LEAST_FREE_MB = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `remedy` says what to do when it is not well."""

    check: str
    well: bool
    detail: str
    remedy: str = ""


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Also read every picture and the whole ledger.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check this installation. Exits with 1 when something is wrong."""
    findings = asyncio.run(_examine(settings_for(data), deep=deep))
    well = all(finding.well for finding in findings)
    if json:
        print_json({"well": well, "findings": findings})
    else:
        for finding in findings:
            mark = "[green]✓[/]" if finding.well else "[red]✗[/]"
            out.print(f"{mark} [bold]{finding.check}[/]  {escape(finding.detail)}", soft_wrap=True)
            if not finding.well:
                out.print(f"    {escape(finding.remedy)}", soft_wrap=True)
    if not well:
        raise typer.Exit(1)


async def _examine(settings: "Settings", *, deep: bool) -> list[Finding]:
    from limner import bootstrap

    findings = [_python(), await _attempt("database", lambda: _database(settings), "See LIMNER_DATABASE_URL.")]
    if not findings[-1].well:
        return findings
    try:
        limner = bootstrap.build(settings)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the set-up is a finding
        return [*findings, Finding("set-up", well=False, detail=str(error), remedy="Correct the setting it names.")]
    try:
        findings += await _checks(limner, deep=deep)
    finally:
        await limner.close()
    return findings


async def _checks(limner: "Limner", *, deep: bool) -> list[Finding]:
    found = [
        _space(limner.settings),
        _secret(limner.settings),
        await _attempt("storage", lambda: _storage(limner), "See LIMNER_STORAGE_URL, and the folder's permissions."),
        _engine(limner),
        Finding("templates", well=True, detail=f"{len(limner.templates)} at hand"),
        await _ledger(limner),
    ]
    return [*found, await _pictures(limner)] if deep else found


async def _attempt(check: str, call: Callable[[], Awaitable[str]], remedy: str) -> Finding:
    try:
        return Finding(check, well=True, detail=await call())
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding
        return Finding(check, well=False, detail=str(error).splitlines()[0], remedy=remedy)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", well=sys.version_info >= (3, 11), detail=version, remedy="Use Python 3.11 or newer.")


async def _database(settings: "Settings") -> str:
    from limner.bootstrap import prepare_data
    from limner.db.migrate import HEAD

    done = await asyncio.to_thread(prepare_data, settings)
    return f"{settings.resolved_database_url.partition(':')[0]}, schema {HEAD} ({done})"


def _space(settings: "Settings") -> Finding:
    free_mb = shutil.disk_usage(settings.data).free // 1_000_000
    detail = f"{free_mb:,} MB free in {settings.data}"
    return Finding("disk", well=free_mb >= LEAST_FREE_MB, detail=detail, remedy=f"Free at least {LEAST_FREE_MB} MB.")


def _secret(settings: "Settings") -> Finding:
    if settings.secret is not None:
        return Finding("secret", well=True, detail="set by LIMNER_SECRET")
    path = settings.data / "secret"
    mode = path.stat().st_mode & 0o077
    return Finding("secret", well=not mode, detail=str(path), remedy=f"Others can read it: chmod 600 {path}")


async def _storage(limner: "Limner") -> str:
    probe = limner.scratch.folder / f"doctor-{uuid.uuid4()}"
    await asyncio.to_thread(probe.write_bytes, b"limner doctor")
    try:
        stored = await limner.blobs.put(probe)
        pieces = [piece async for piece in limner.blobs.stream(stored.blob, 0, stored.size)]
    finally:
        probe.unlink()
    if b"".join(pieces) != b"limner doctor":
        raise OSError("what was written could not be read back")
    return f"written and read back, {limner.settings.resolved_storage_url}"


def _engine(limner: "Limner") -> Finding:
    vendors = ", ".join(sorted(limner.routing.vendors()))
    stand_in = f"{limner.settings.engine} serves every model while no vendor is configured"
    return Finding("models", well=True, detail=f"served by {vendors}" if vendors else stand_in)


async def _ledger(limner: "Limner") -> Finding:
    faults = await limner.store.read(lambda records: records.ledger.faults())
    detail = "; ".join(faults[:3]) or "every balance is the sum of its rows"
    return Finding("credits", well=not faults, detail=detail, remedy="Run `limner credits prove` for all of them.")


async def _pictures(limner: "Limner") -> Finding:
    """Every picture of a finished task must be there, byte for byte."""
    import hashlib

    results = await limner.store.read(lambda records: records.tasks.result_blobs())
    broken = []
    for blob in results:
        digest = hashlib.sha256()
        try:
            size = await limner.blobs.size(blob)
            async for piece in limner.blobs.stream(blob, 0, size):
                digest.update(piece)
        except LookupError:
            broken.append(blob)
            continue
        if digest.hexdigest() != blob:
            broken.append(blob)
    detail = f"{len(results)} read, {len(broken)} missing or damaged"
    return Finding("pictures", well=not broken, detail=detail, remedy=f"Restore from a backup: {', '.join(broken[:5])}")
