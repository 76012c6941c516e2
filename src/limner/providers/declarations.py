"""The vendors that Limner knows, each declared in a TOML file beside its adapter: `bfl.toml` beside `bfl.py`.

Settings, `limner providers`, the emulators' titles and the documentation follow from these files. Reading them imports
no adapter.
"""

import importlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from limner.ports.provider import Provider, VendorAccount


@dataclass(frozen=True, slots=True)
class SettingDeclaration:
    """A setting of one vendor: `setting` is its name in `limner.toml`.

    `variable` is the environment variable that the vendor's own tools read; without one it is `LIMNER_` and the name.
    """

    setting: str
    description: str
    variable: str = ""
    default: str | None = None

    @property
    def environment_variable(self) -> str:
        return self.variable or f"LIMNER_{self.setting.upper()}"


@dataclass(frozen=True, slots=True)
class VendorDeclaration:
    """A vendor, or a kind of server, that has an adapter.

    `provider` is the class in the module `limner.providers.NAME`. `position` is the vendor's place in lists.
    `needs_key` says whether a server with this protocol is useless without a key. `concurrency` is the vendor's limit
    for one key. `options` are settings whose comma-separated values become options of the account, by option name.
    `health` is the path of a server's health check, from its root, where an operator may have several servers.
    """

    name: str
    title: str
    provider: str
    position: int
    base_url: SettingDeclaration
    key: SettingDeclaration | None = None
    needs_key: bool = True
    concurrency: int | None = None
    health: str | None = None
    options: Mapping[str, SettingDeclaration] = field(default_factory=dict)

    @property
    def is_public(self) -> bool:
        """Whether the vendor has an address of its own, and therefore needs a key."""
        return self.base_url.default is not None

    @property
    def required(self) -> SettingDeclaration:
        """The setting that makes the vendor active."""
        return self.key if self.key and self.is_public else self.base_url

    @property
    def settings(self) -> tuple[SettingDeclaration, ...]:
        """All settings, the required one first."""
        own = [self.key, self.base_url] if self.is_public else [self.base_url, self.key]
        return (*filter(None, own), *self.options.values())

    def open(self, account: VendorAccount) -> Provider:
        """Import the adapter and make a provider. Raises ValueError for an invalid option."""
        return self.adapter(account)

    @property
    def adapter(self) -> Callable[[VendorAccount], Provider]:
        """The adapter's class, which is imported."""
        found: Callable[[VendorAccount], Provider] = getattr(
            importlib.import_module(f"limner.providers.{self.name}"), self.provider
        )
        return found


@cache
def declarations() -> Mapping[str, VendorDeclaration]:
    """All declared vendors by name, in their order. Reads files once."""
    files = [each for each in resources.files("limner.providers").iterdir() if each.name.endswith(".toml")]
    found = [_parsed(each.name.removesuffix(".toml"), tomllib.loads(each.read_text("utf-8"))) for each in files]
    return {each.name: each for each in sorted(found, key=lambda each: (each.position, each.name))}


def _parsed(name: str, table: dict[str, Any]) -> VendorDeclaration:
    for part in ("base_url", "key"):
        if part in table:
            table[part] = SettingDeclaration(**table[part])
    table["options"] = {option: SettingDeclaration(**row) for option, row in table.get("options", {}).items()}
    return VendorDeclaration(name=name, **table)
