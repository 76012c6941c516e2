"""Templates of accounts, and versions of those of folders.

A version is written once; the current one of an account's template is a row of its own.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from typing import Any

from limner.db.sql import Db, Sql, dump, load
from limner.domain.ids import AccountId, TemplateVersionId
from limner.domain.prompts.template import Template


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """A version of an account's template. `version` is its digest, `source` the text of its `template.toml`."""

    id: TemplateVersionId
    account: AccountId
    slug: str
    version: str
    template: Template
    source: str
    created_ms: int
    created_by: str


_COLUMNS = "v.id, v.account, v.slug, v.version, v.definition, v.source, v.created_ms, v.created_by"
_ADD = Sql("""
    INSERT INTO template_versions (id, account, slug, version, definition, source, created_ms, created_by)
    VALUES (:id, :account, :slug, :version, :definition, :source, :created_ms, :created_by)
""")
_ADD_FILE = Sql("INSERT INTO template_files (version, name, content) VALUES (:version, :name, :content)")
_SET_CURRENT = Sql("""
    INSERT INTO templates (account, slug, version) VALUES (:account, :slug, :version)
    ON CONFLICT (account, slug) DO UPDATE SET version = excluded.version
""")
# Shared ones first: of two with one name, the later row, which is the account's own, is taken.
_VISIBLE = Sql(f"""
    SELECT {_COLUMNS}, 0 AS own FROM template_shares s JOIN templates c ON c.account = s.account AND c.slug = s.slug
    JOIN template_versions v ON v.id = c.version WHERE s.guest = :account
    UNION ALL
    SELECT {_COLUMNS}, 1 FROM templates c JOIN template_versions v ON v.id = c.version WHERE c.account = :account
    ORDER BY own, created_ms, id
""")
_VERSION = Sql(f"SELECT {_COLUMNS} FROM template_versions v WHERE v.id = :id")
_HISTORY = Sql(f"""
    SELECT {_COLUMNS} FROM template_versions v WHERE v.account = :account AND v.slug = :slug
    ORDER BY v.created_ms DESC, v.id DESC LIMIT :limit
""")
_FILES = Sql("SELECT name, content FROM template_files WHERE version = :version ORDER BY name")
_FILE = Sql("SELECT content FROM template_files WHERE version = :version AND name = :name")
_COUNT = Sql("SELECT count(*) FROM templates WHERE account = :account")
_COUNT_VERSIONS = Sql("SELECT count(*) FROM template_versions WHERE account = :account AND slug = :slug")
_REMOVE = Sql("DELETE FROM templates WHERE account = :account AND slug = :slug")
_UNSHARE_ALL = Sql("DELETE FROM template_shares WHERE account = :account AND slug = :slug")
_SHARE = Sql("""
    INSERT INTO template_shares (account, slug, guest) VALUES (:account, :slug, :guest) ON CONFLICT DO NOTHING
""")
_GUESTS = Sql("""
    SELECT a.name FROM template_shares s JOIN accounts a ON a.id = s.guest
    WHERE s.account = :account AND s.slug = :slug ORDER BY a.name
""")
_UNSHARE = Sql("DELETE FROM template_shares WHERE account = :account AND slug = :slug AND guest = :guest")
_FOLDER_VERSIONS = Sql("SELECT slug, version FROM folder_templates")
_ADD_FOLDER_VERSION = Sql("""
    INSERT INTO folder_templates (slug, version, definition) VALUES (:slug, :version, :definition)
    ON CONFLICT DO NOTHING
""")
_ADD_FOLDER_FILE = Sql("""
    INSERT INTO folder_template_files (slug, version, name, content) VALUES (:slug, :version, :name, :content)
    ON CONFLICT DO NOTHING
""")
_FOLDER_VERSION = Sql("SELECT definition FROM folder_templates WHERE slug = :slug AND version = :version")
_FOLDER_FILES = Sql("SELECT name, content FROM folder_template_files WHERE slug = :slug AND version = :version")
_ERASE = (
    Sql("DELETE FROM template_shares WHERE account = :account OR guest = :account"),
    Sql("DELETE FROM templates WHERE account = :account"),
    Sql("DELETE FROM template_files WHERE version IN (SELECT id FROM template_versions WHERE account = :account)"),
    Sql("DELETE FROM template_versions WHERE account = :account"),
)


class TemplateTable:
    def __init__(self, db: Db) -> None:
        self._db = db

    def add(self, version: TemplateVersion, files: Mapping[str, bytes]) -> None:
        """Write a version with its files and make it the current one."""
        facts = asdict(version)
        facts["definition"] = dump(facts.pop("template"))
        self._db.run(_ADD, facts)
        if files:
            rows = [{"version": version.id, "name": name, "content": content} for name, content in files.items()]
            self._db.many(_ADD_FILE, rows)
        self._db.run(_SET_CURRENT, {"account": version.account, "slug": version.slug, "version": version.id})

    def visible(self, account: AccountId) -> Mapping[str, TemplateVersion]:
        """The current versions of the account's own templates and of those shared with it, by slug."""
        return {each.slug: each for each in map(_version, self._db.all(_VISIBLE, {"account": account}))}

    def version(self, version: TemplateVersionId) -> TemplateVersion | None:
        row = self._db.one(_VERSION, {"id": version})
        return _version(row) if row else None

    def history(self, account: AccountId, slug: str, limit: int) -> Sequence[TemplateVersion]:
        """The versions of a template, newest first, also of a removed one."""
        rows = self._db.all(_HISTORY, {"account": account, "slug": slug, "limit": limit})
        return [_version(row) for row in rows]

    def files(self, version: TemplateVersionId) -> Mapping[str, bytes]:
        return {name: bytes(content) for name, content in self._db.all(_FILES, {"version": version})}

    def file(self, version: TemplateVersionId, name: str) -> bytes | None:
        content = self._db.value(_FILE, {"version": version, "name": name})
        return bytes(content) if content is not None else None

    def count(self, account: AccountId) -> int:
        return int(self._db.value(_COUNT, {"account": account}))

    def count_versions(self, account: AccountId, slug: str) -> int:
        return int(self._db.value(_COUNT_VERSIONS, {"account": account, "slug": slug}))

    def remove(self, account: AccountId, slug: str) -> bool:
        """Remove a template from use. Its versions stay, for the tasks that were made with them."""
        self._db.run(_UNSHARE_ALL, {"account": account, "slug": slug})
        return self._db.run(_REMOVE, {"account": account, "slug": slug}) > 0

    def share(self, account: AccountId, slug: str, guest: AccountId) -> None:
        self._db.run(_SHARE, {"account": account, "slug": slug, "guest": guest})

    def unshare(self, account: AccountId, slug: str, guest: AccountId) -> bool:
        return self._db.run(_UNSHARE, {"account": account, "slug": slug, "guest": guest}) > 0

    def guests(self, account: AccountId, slug: str) -> Sequence[str]:
        """The names of the accounts that a template is shared with."""
        return [name for (name,) in self._db.all(_GUESTS, {"account": account, "slug": slug})]

    def folder_versions(self) -> AbstractSet[tuple[str, str]]:
        """The slug and version of each stored template of a folder."""
        return {(slug, version) for slug, version in self._db.all(_FOLDER_VERSIONS, {})}

    def add_folder_version(self, template: Template, version: str, files: Mapping[str, bytes]) -> None:
        """Keep a version of a folder's template with the pictures that are sent, unless it is kept already."""
        facts = {"slug": template.slug, "version": version}
        self._db.run(_ADD_FOLDER_VERSION, {**facts, "definition": dump(asdict(template))})
        if files:
            rows = [{**facts, "name": name, "content": content} for name, content in files.items()]
            self._db.many(_ADD_FOLDER_FILE, rows)

    def folder_version(self, slug: str, version: str) -> Template | None:
        definition = self._db.value(_FOLDER_VERSION, {"slug": slug, "version": version})
        return replace(Template.of(load(definition)), slug=slug) if definition else None

    def folder_files(self, slug: str, version: str) -> Mapping[str, bytes]:
        rows = self._db.all(_FOLDER_FILES, {"slug": slug, "version": version})
        return {name: bytes(content) for name, content in rows}

    def erase_account(self, account: AccountId) -> None:
        """Delete all templates of an account, with their versions."""
        for statement in _ERASE:
            self._db.run(statement, {"account": account})


def _version(row: Sequence[Any]) -> TemplateVersion:
    id_, account, slug, version, definition, source, created_ms, created_by = row[:8]
    template = replace(Template.of(load(definition)), slug=slug)
    return TemplateVersion(
        TemplateVersionId(id_), AccountId(account), slug, version, template, source, created_ms, created_by
    )
