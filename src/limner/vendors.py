"""The providers that routes can lead to: the declared vendors and the operator's own, with their configuration."""

from dataclasses import dataclass, field
from typing import Any

from limner.domain.routing.provider_limits import ProviderLimits
from limner.outbound.allowlist import FetchAllow
from limner.outbound.proxy import OutboundProxy
from limner.ports.provider import Provider, VendorAccount
from limner.providers._servers import PoolFacts, open_pool
from limner.providers.declarations import VendorDeclaration, declarations
from limner.settings import ProviderSettings, Settings


class InvalidOption(ValueError):
    """A provider has an option that its adapter does not know or cannot use."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A configured provider. `account` is None while something is missing; `missing` says what.

    `servers` are the accounts of several servers that are used as one; `draining` get no new request.
    """

    name: str
    adapter: VendorDeclaration
    account: VendorAccount | None
    missing: str | None = None
    limits: ProviderLimits = field(default_factory=ProviderLimits)
    servers: tuple[VendorAccount, ...] = ()
    draining: tuple[str, ...] = ()

    def open(self) -> Provider | None:
        """Make the provider, or None without an account. Raises `InvalidOption`."""
        try:
            return self._open() if self.account else None
        except ValueError as error:
            raise InvalidOption(f"provider {self.name}: {error}") from error

    def _open(self) -> Provider:
        assert self.account  # noqa: S101 - looked at by `open`
        if not self.servers:
            return self.adapter.open(self.account)
        facts = PoolFacts(self.name, self.adapter.health or "/health", self.draining)
        return open_pool(facts, self.servers, self.adapter.adapter)


def upstreams(settings: Settings) -> dict[str, Upstream]:
    """The declared vendors with what the configuration adds to them, then the operator's own providers."""
    known = {vendor.name: _declared(vendor, settings) for vendor in declarations().values()}
    own = {name: _own(name, table, settings) for name, table in settings.provider.items() if name not in known}
    return known | own


def _declared(vendor: VendorDeclaration, settings: Settings) -> Upstream:
    table = settings.provider.get(vendor.name, ProviderSettings())
    key = getattr(settings, vendor.key.setting) if vendor.key else None
    filled = table.model_copy(
        update={
            "adapter": table.adapter or vendor.name,
            "base_url": table.base_url or _first(table) or getattr(settings, vendor.base_url.setting),
            "key": key or table.key,
            "concurrency": table.concurrency or vendor.concurrency,
            "options": _options(vendor, settings) | table.options,
        }
    )
    variable = vendor.required.environment_variable
    if not filled.base_url:
        missing: str | None = f"{variable} is not set"
    elif vendor.is_public and not filled.key:
        missing = f"{variable} is not set"
    else:
        missing = None
    return _upstream(vendor.name, filled, missing, settings)


def _options(vendor: VendorDeclaration, settings: Settings) -> dict[str, Any]:
    """The account options that are settings of their own: lists of values separated by commas."""
    return {name: _split(getattr(settings, option.setting)) for name, option in vendor.options.items()}


def _split(values: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in values.split(",") if each.strip())


def _own(name: str, table: ProviderSettings, settings: Settings) -> Upstream:
    if not (table.base_url or table.base_urls):
        missing: str | None = f"provider.{name} has no base_url"
    elif declarations()[table.adapter or ""].needs_key and not table.key:
        missing = f"LIMNER_PROVIDER__{name.upper()}__KEY is not set"
    else:
        missing = None
    return _upstream(name, table, missing, settings)


def _upstream(name: str, table: ProviderSettings, missing: str | None, settings: Settings) -> Upstream:
    if not table.enabled:
        missing = f"provider.{name}.enabled is false"
    key = table.key.get_secret_value() if table.key else ""
    allows = FetchAllow.parse(settings.fetch_allow).permits
    proxy_url = settings.https_proxy.get_secret_value() if settings.https_proxy else None
    proxy = OutboundProxy(proxy_url, settings.no_proxy)

    def account(url: str) -> VendorAccount:
        return VendorAccount(url, key, table.options, allows, proxy.for_request)

    servers = () if missing else tuple(account(url) for url in table.base_urls or ())
    limits = ProviderLimits(table.concurrency, table.per_minute, table.burst)
    return Upstream(
        name,
        declarations()[table.adapter or ""],
        None if missing else account(table.base_url or _first(table) or ""),
        missing,
        limits,
        servers,
        table.draining or (),
    )


def _first(table: ProviderSettings) -> str | None:
    return table.base_urls[0] if table.base_urls else None
