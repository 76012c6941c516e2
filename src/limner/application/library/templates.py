"""Templates of accounts: added in versions, used by tasks, shared by the operator.

A task is planned with the current version and pinned to it: it runs and is explained with that version, also when the
template is changed or removed meanwhile. Templates of folders change when Limner or the folder is replaced: each of
their versions is kept when a task first names a template.
"""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from limner.application.accounts.manage import named
from limner.application.ids import time_ordered
from limner.db.records import Records
from limner.db.store import Store
from limner.db.tables.library.templates import TemplateVersion
from limner.domain.ids import AccountId, TemplateVersionId
from limner.domain.prompts.template import Template, normalise_slug
from limner.domain.refusal import Code, Refusal
from limner.domain.tasks.spec import TaskSpec
from limner.ports.clock import Clock
from limner.ports.intake import Intake
from limner.ports.templates import LoadedTemplate, Templates
from limner.scratch_paths import scratch_folder

FILE = "template.toml"
MOST_SLUG_CHARACTERS = 60
_SLUG = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
MOST_TEMPLATES, MOST_VERSIONS, MOST_FILE_BYTES = 100, 500, 4 * 1024 * 1024

LoadFolder = Callable[[Path], LoadedTemplate]
"""Loads the template in a folder. Raises `Refusal`."""


@dataclass(frozen=True, slots=True)
class UsableTemplate:
    """A stored version of a template, as tasks use it.

    `folder` holds its pictures; it is None while only its text is needed. `row` is None for a folder's template.
    """

    template: Template
    version: str
    row: TemplateVersionId | None
    folder: Path | None = None

    @property
    def pictures(self) -> tuple[Path, ...]:
        assert self.folder is not None  # noqa: S101 - pictures are needed by tasks that run, which have it
        return tuple(self.folder / picture.name for picture in self.template.pictures)


@dataclass(frozen=True, slots=True)
class AccountTemplates:
    """`shared` are the templates of folders, which all accounts use. `folder` keeps copies of pictures."""

    store: Store
    clock: Clock
    shared: Templates
    load: LoadFolder
    intake: Intake
    folder: Path
    _stored: set[tuple[str, str]] = field(default_factory=set)
    """Slug and version of the folders' templates that are known to be stored."""

    # --- used by tasks ----------------------------------------------------------------------------------------------

    async def of(self, account: AccountId) -> Templates:
        """What an account's tasks may name: its own before those shared with it, and those before the folders'."""
        await self._store_shared()
        visible = await self.store.read(lambda records: records.templates.visible(account))
        own = {slug: UsableTemplate(each.template, each.version, each.id) for slug, each in visible.items()}
        return MappingProxyType({**self.shared, **own})

    async def pinned(self, spec: TaskSpec) -> LoadedTemplate:
        """The version that a task was planned with, with its pictures. Raises `Refusal` when there is none."""
        if spec.template_row is None:
            return await self._pinned_of_folder(normalise_slug(spec.template or ""), spec.template_version)
        version = TemplateVersionId(spec.template_row)
        stored = await self.store.read(lambda records: records.templates.version(version))
        if stored is None:
            raise _unknown(spec.template or "")
        folder = self.folder / version
        await self._write(lambda records: records.templates.files(version), folder)
        return UsableTemplate(stored.template, stored.version, version, folder)

    async def _pinned_of_folder(self, slug: str, version: str | None) -> LoadedTemplate:
        """The folder as it is, if it is as it was; else the stored version. Tasks of old releases have no version."""
        current = self.shared.get(slug)
        if current is not None and version in {None, current.version}:
            return current
        kept = await self._kept_of_folder(slug, version) if version else None
        if (found := kept or current) is None:
            raise _unknown(slug)
        return found

    async def _kept_of_folder(self, slug: str, version: str) -> UsableTemplate | None:
        template = await self.store.read(lambda records: records.templates.folder_version(slug, version))
        if template is None:
            return None
        folder = self.folder / f"{slug}-{version}"
        await self._write(lambda records: records.templates.folder_files(slug, version), folder)
        return UsableTemplate(template, version, None, folder)

    async def _write(self, read_files: Callable[[Records], Mapping[str, bytes]], folder: Path) -> None:
        """Copy the files of a version to a folder, once."""
        if await asyncio.to_thread(folder.exists):
            return
        await asyncio.to_thread(_write_folder, folder, await self.store.read(read_files))

    async def _store_shared(self) -> None:
        """Keep the versions of the folders' templates that are not kept yet; once in a process."""
        if all((slug, each.version) in self._stored for slug, each in self.shared.items()):
            return
        known = await self.store.read(lambda records: records.templates.folder_versions())
        new = [each for slug, each in self.shared.items() if (slug, each.version) not in known]
        if new:
            files = await asyncio.to_thread(lambda: [_pictures_of(each) for each in new])
            await self.store.run(partial(_add_folder_versions, templates=new, files=files))
        self._stored.update((slug, each.version) for slug, each in self.shared.items())

    # --- managed -----------------------------------------------------------------------------------------------------

    async def visible(self, account: AccountId) -> Mapping[str, TemplateVersion]:
        return await self.store.read(lambda records: records.templates.visible(account))

    async def history(self, account: AccountId, slug: str) -> Sequence[TemplateVersion]:
        """The versions of the account's own template, newest first."""
        slug = normalise_slug(slug)
        return await self.store.read(lambda records: records.templates.history(account, slug, MOST_VERSIONS))

    async def get(self, account: AccountId, slug: str) -> TemplateVersion:
        """The current version of a template that the account sees. Raises `Refusal`."""
        return await self.store.read(lambda records: _visible(records, account, slug))

    async def files(self, account: AccountId, slug: str) -> tuple[TemplateVersion, Mapping[str, bytes]]:
        """The current version and its files with `template.toml`: written to a folder, they are the same version."""

        def work(records: Records) -> tuple[TemplateVersion, Mapping[str, bytes]]:
            found = _visible(records, account, slug)
            return found, {FILE: found.source.encode(), **records.templates.files(found.id)}

        return await self.store.read(work)

    async def add(self, account: AccountId, slug: str, files: Mapping[str, bytes], by: str) -> TemplateVersion:
        """Add a version of a template, or the template. The same files as before make no new version.

        Raises `Refusal` for what is no template.
        """
        if not _SLUG.fullmatch(normalise_slug(slug)) or len(slug) > MOST_SLUG_CHARACTERS:
            raise _no_slug(slug)
        async with scratch_folder(self.folder.parent, "template") as folder:
            loaded = await self._checked(folder / normalise_slug(slug), files)
        template = loaded.template
        version = TemplateVersion(
            id=TemplateVersionId(time_ordered(self.clock.now_ms())),
            account=account,
            slug=template.slug,
            version=loaded.version,
            template=template,
            source=files[FILE].decode(),
            created_ms=self.clock.now_ms(),
            created_by=by,
        )
        kept = {name: files[name] for name in template.files}
        return await self.store.run(lambda records: _add(records, version, kept))

    async def bring_back(self, account: AccountId, slug: str, version: str, by: str) -> TemplateVersion:
        """Use an earlier version of the account's own template again, as its newest one. Raises `Refusal`.

        Of a template that was removed, too, which then exists again.
        """

        def work(records: Records) -> TemplateVersion:
            made = records.templates.history(account, normalise_slug(slug), MOST_VERSIONS)
            found = next((each for each in made if each.version == version), None)
            if found is None:
                raise _no_version(slug)
            now_ms = self.clock.now_ms()
            again = replace(found, id=TemplateVersionId(time_ordered(now_ms)), created_ms=now_ms, created_by=by)
            return _add(records, again, records.templates.files(found.id))

        return await self.store.run(work)

    async def _checked(self, folder: Path, files: Mapping[str, bytes]) -> LoadedTemplate:
        for name, content in files.items():
            _check_file(name, content)
        await asyncio.to_thread(_write_folder, folder, files)
        loaded = await asyncio.to_thread(self.load, folder)
        for name in loaded.template.files:
            try:
                await self.intake.inspect(folder / name)
            except Refusal as refusal:
                raise refusal.at(name) from None
        return loaded

    async def remove(self, account: AccountId, slug: str, by: str) -> None:
        """Remove the account's own template. Tasks that were made with it keep their version."""

        def work(records: Records) -> None:
            if not records.templates.remove(account, normalise_slug(slug)):
                raise _unknown(slug)
            records.audit_log.add(by, "template.remove", account, {"template": slug}, self.clock.now_ms())

        await self.store.run(work)

    async def share(self, owner: str, slug: str, guest: str, by: str, *, shared: bool) -> None:
        """Let another account use a template of `owner`, or no longer. For the operator."""

        def work(records: Records) -> None:
            account, other = named(records, owner).id, named(records, guest).id
            found = _visible(records, account, slug)
            if found.account != account or account == other:
                raise _not_to_share(slug, owner)
            change = records.templates.share if shared else records.templates.unshare
            change(account, found.slug, other)
            act = "template.share" if shared else "template.unshare"
            records.audit_log.add(by, act, account, {"template": found.slug, "with": other}, self.clock.now_ms())

        await self.store.run(work)

    async def guests(self, account: AccountId, slug: str) -> Sequence[str]:
        """The names of the accounts that the account's own template is shared with."""
        return await self.store.read(lambda records: records.templates.guests(account, normalise_slug(slug)))


def _pictures_of(template: LoadedTemplate) -> Mapping[str, bytes]:
    """The content of the pictures that are sent, by name. Blocking."""
    return {path.name: path.read_bytes() for path in template.pictures}


def _add_folder_versions(
    records: Records, templates: Sequence[LoadedTemplate], files: Sequence[Mapping[str, bytes]]
) -> None:
    for each, pictures in zip(templates, files, strict=True):
        records.templates.add_folder_version(each.template, each.version, pictures)


def _visible(records: Records, account: AccountId, slug: str) -> TemplateVersion:
    found = records.templates.visible(account).get(normalise_slug(slug))
    if found is None:
        raise _unknown(slug)
    return found


def _add(records: Records, version: TemplateVersion, files: Mapping[str, bytes]) -> TemplateVersion:
    current = records.templates.visible(version.account).get(version.slug)
    if current and (current.account, current.version) == (version.account, version.version):
        return current
    is_new = current is None or current.account != version.account
    if is_new and records.templates.count(version.account) >= MOST_TEMPLATES:
        raise _too_many(f"the account has {MOST_TEMPLATES} templates", "Remove one that is not used.")
    if records.templates.count_versions(version.account, version.slug) >= MOST_VERSIONS:
        raise _too_many(f"the template has {MOST_VERSIONS} versions", "Give it another name.")
    records.templates.add(version, files)
    details = {"template": version.slug, "version": version.version}
    records.audit_log.add(version.created_by, "template.add", version.account, details, version.created_ms)
    return version


def _check_file(name: str, content: bytes) -> None:
    if Path(name).name != name or not name.isprintable() or name.startswith(".") or len(name) > 100:
        raise Refusal(
            Code.INVALID,
            f"{name[:100]!r} is no file name",
            suggestion="Put all files beside template.toml.",
            field="file",
        )
    if len(content) > MOST_FILE_BYTES:
        raise Refusal(
            Code.IMAGE_TOO_LARGE,
            f"{name} is {len(content):,} bytes long",
            suggestion=f"A file of a template may have {MOST_FILE_BYTES:,} bytes.",
            field=name,
        )


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files to a new folder, which appears with all of them."""
    half = Path(tempfile.mkdtemp(prefix="half-", dir=_made(folder.parent)))
    for name, content in files.items():
        (half / name).write_bytes(content)
    try:
        half.rename(folder)
    except OSError:  # another task has written it
        shutil.rmtree(half, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _no_version(slug: str) -> Refusal:
    return Refusal(
        Code.TEMPLATE_NOT_FOUND,
        f"the template {slug!r} has no such version",
        suggestion="`GET /v1/templates/{slug}/versions` and the template's page list its versions.",
        field="version",
    )


def _unknown(slug: str) -> Refusal:
    return Refusal(
        Code.TEMPLATE_NOT_FOUND,
        f"there is no template {slug!r} of yours",
        suggestion="List them with GET /v1/templates. Built-in templates cannot be changed; add one of the same name.",
        field="template",
    )


def _not_to_share(slug: str, owner: str) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"{slug!r} is no template that {owner!r} could share",
        suggestion="Name the account that owns the template, and another one.",
        field="template",
    )


def _no_slug(slug: str) -> Refusal:
    return Refusal(
        Code.INVALID,
        f"{slug[:100]!r} is no name for a template",
        suggestion=f"Use a-z and 0-9, with - or _ between words, at most {MOST_SLUG_CHARACTERS} characters.",
        field="template",
    )


def _too_many(reason: str, remedy: str) -> Refusal:
    return Refusal(Code.INVALID, reason, suggestion=remedy, field="template")
