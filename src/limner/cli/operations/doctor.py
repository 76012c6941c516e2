"""`limner doctor`: checks this installation and says how to correct what is wrong."""

import asyncio
import shutil
import sys
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner.application.retention.check_consistency import Finding
from limner.cli.terminal import Data, Json, out, print_json, settings_for

if TYPE_CHECKING:
    from limner.bootstrap import Limner
    from limner.settings import Settings

LEAST_FREE_MB = 500


@dataclass(frozen=True, slots=True)
class Depth:
    """Which checks to run, and whether to repair what is safe to repair."""

    deep: bool
    hashes: bool
    repair: bool


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Also compare rows with rows, and files with rows.")] = False,
    hashes: Annotated[
        bool, typer.Option("--hashes", help="Also read every file, and compare it with its name.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Repair what is safe: counts, references, leases of dead workers."),
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check this installation. Exits with 1 when something is wrong.

    --hashes and --repair imply --deep.
    """
    findings = asyncio.run(_examine(settings_for(data, json=json), Depth(deep or hashes or repair, hashes, repair)))
    well = all(finding.well for finding in findings)
    if json:
        print_json({"well": well, "findings": findings})
    else:
        for finding in findings:
            mark = "[green]✓[/]" if finding.well else "[red]✗[/]"
            out.print(f"{mark} [bold]{finding.check}[/]  {escape(finding.detail)}", soft_wrap=True)
            for line in () if finding.well else (*finding.which, finding.remedy):
                out.print(f"    {escape(line)}", soft_wrap=True)
    if not well:
        raise typer.Exit(1)


async def _examine(settings: "Settings", depth: Depth) -> list[Finding]:
    from limner import bootstrap

    findings = [_python(), await _attempt("database", lambda: _database(settings), "See LIMNER_DATABASE_URL.")]
    if not findings[-1].well:
        return findings
    try:
        limner = bootstrap.build(settings)
    except Exception as error:  # noqa: BLE001 - an error of the set-up is a finding
        return [*findings, Finding("set-up", well=False, detail=str(error), remedy="Correct the setting it names.")]
    try:
        findings += await _checks(limner, depth)
    finally:
        await limner.close()
    return findings


async def _checks(limner: "Limner", depth: Depth) -> list[Finding]:
    found = [
        _space(limner.settings),
        _secret(limner.settings),
        await _attempt("storage", lambda: _storage(limner), "See LIMNER_STORAGE_URL, and the folder's permissions."),
        await _clock(limner),
        _engine(limner),
        *(await _servers(limner)),
        Finding("templates", well=True, detail=f"{len(limner.templates)} at hand"),
    ]
    if not depth.deep:
        return [*found, await _ledger(limner)]
    return found + await limner.examine(hashes=depth.hashes, repair=depth.repair)


async def _attempt(check: str, call: Callable[[], Awaitable[str]], remedy: str) -> Finding:
    try:
        return Finding(check, well=True, detail=await call())
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding
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
    mark = f"limner doctor {uuid.uuid4()}".encode()  # unique bytes, also beside another doctor
    probe = limner.scratch.folder / "doctor"
    await asyncio.to_thread(probe.write_bytes, mark)
    try:
        stored = await limner.blobs.identify(probe)
        await limner.blobs.put(probe, stored)
        pieces = [piece async for piece in limner.blobs.stream(stored.blob, 0, stored.size)]
    finally:
        probe.unlink()
    await limner.blobs.delete([stored.blob])
    if b"".join(pieces) != mark:
        raise OSError("what was written could not be read back")
    return f"written and read back, {limner.settings.resolved_storage_url}"


async def _clock(limner: "Limner") -> Finding:
    from limner.application.clock_skew import measure_skew

    skew = await measure_skew(limner.store, limner.clock)
    side = "ahead of" if skew.ms > 0 else "behind"
    detail = f"{abs(skew.ms):,} ms {side} the database's clock" if skew.ms else "the same as the database's"
    remedy = "Run an NTP client, such as chrony or systemd-timesyncd, on this host and on the database's."
    return Finding("clock", well=skew.is_small, detail=detail, remedy=remedy)


def _engine(limner: "Limner") -> Finding:
    from limner.bootstrap import EngineMissing, check_engine

    try:
        check_engine(limner.settings, limner.providers)
    except EngineMissing as error:
        return Finding("models", well=False, detail=str(error), remedy="Nothing runs until one of these is done.")
    vendors = ", ".join(sorted(limner.routing.vendors()))
    stand_in = f"{limner.settings.engine} serves every model while no vendor is configured"
    return Finding("models", well=True, detail=f"served by {vendors}" if vendors else stand_in)


async def _servers(limner: "Limner") -> list[Finding]:
    """A finding for each provider over several servers: one of them has to take requests."""
    from limner.ports.provider import HasServers

    found = []
    for name, provider in limner.providers.items():
        if isinstance(provider, HasServers):
            states = await provider.states()
            detail = "; ".join(f"{each.url} is {each.says}" for each in states)
            remedy = "Start one of them, or take one out of `draining`."
            found.append(Finding(f"servers of {name}", any(each.well for each in states), detail, remedy))
    return found


async def _ledger(limner: "Limner") -> Finding:
    faults = await limner.store.read(lambda records: records.ledger.inconsistencies())
    detail = "; ".join(faults[:3]) or "every balance is the sum of its rows"
    return Finding("credits", well=not faults, detail=detail, remedy="Run `limner credits prove` for all of them.")
