"""The providers that stand at the end of the routes: which are known, what they need, and which have it."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from limner.domain.routing.provider_limits import ProviderLimits
from limner.outbound.allowlist import FetchAllow
from limner.ports.provider import Provider, VendorAccount
from limner.settings import ProviderSettings, Settings


@dataclass(frozen=True, slots=True)
class Adapter:
    """A vendor's protocol: the class that speaks it, and whether it can't do without a key."""

    name: str
    speaker: str
    needs_key: bool = True

    def open(self, account: VendorAccount) -> Provider:
        """Import the adapter, which is done for no other, and make one."""
        module = importlib.import_module(f"limner.providers.{self.name}")
        provider: Provider = getattr(module, self.speaker)(account)
        return provider


ADAPTERS: Mapping[str, Adapter] = {
    each.name: each
    for each in (
        Adapter("bfl", "BflProvider"),
        Adapter("openai", "OpenAiProvider", needs_key=False),
        Adapter("gemini", "GeminiProvider"),
        Adapter("fal", "FalProvider"),
        Adapter("replicate", "ReplicateProvider"),
        Adapter("midjourney", "MidjourneyProvider", needs_key=False),
        Adapter("diffusers", "DiffusersProvider", needs_key=False),
    )
}


class InvalidOption(ValueError):
    """An option of a provider that its adapter does not know, or not so."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider as it is configured. `account` is None while something is missing, and `missing` says what."""

    name: str
    adapter: Adapter
    account: VendorAccount | None
    missing: str | None = None
    pace: ProviderLimits = field(default_factory=ProviderLimits)

    def open(self) -> Provider | None:
        """Raises `InvalidOption` for an option that its adapter does not know."""
        try:
            return self.adapter.open(self.account) if self.account else None
        except ValueError as error:
            raise InvalidOption(f"provider {self.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Vendor:
    """A vendor that is known without being told: its own variables, and what its rules say of one key."""

    name: str
    variable: str
    key: str | None
    url: str
    concurrency: int | None = None


_VENDORS = (
    _Vendor("bfl", "BFL_API_KEY", "bfl_api_key", "bfl_base_url", concurrency=24),
    _Vendor("openai", "OPENAI_API_KEY", "openai_api_key", "openai_base_url"),
    _Vendor("gemini", "GEMINI_API_KEY", "gemini_api_key", "gemini_base_url"),
    _Vendor("fal", "FAL_KEY", "fal_key", "fal_base_url"),
    _Vendor("replicate", "REPLICATE_API_TOKEN", "replicate_api_token", "replicate_base_url"),
    _Vendor("midjourney", "LIMNER_MIDJOURNEY_URL", "midjourney_secret", "midjourney_url"),
    _Vendor("diffusers", "LIMNER_DIFFUSERS_MODELS", None, "diffusers_models", concurrency=1),
)


_WITHOUT_KEY = frozenset({"midjourney", "diffusers"})
"""What their variable names is where they are."""


def upstreams(settings: Settings) -> dict[str, Upstream]:
    """The vendors that are known, with what the configuration says of them, and the operator's own providers."""
    known = {vendor.name: _vendor(vendor, settings) for vendor in _VENDORS}
    own = {name: _own(name, told, settings) for name, told in settings.provider.items() if name not in known}
    return known | own


def _vendor(vendor: _Vendor, settings: Settings) -> Upstream:
    told = settings.provider.get(vendor.name, ProviderSettings())
    key = getattr(settings, vendor.key) if vendor.key else None
    filled = told.model_copy(
        update={
            "adapter": told.adapter or vendor.name,
            "base_url": told.base_url or getattr(settings, vendor.url),
            "key": key or told.key,
            "concurrency": told.concurrency or vendor.concurrency,
            "options": _options(vendor, settings) | told.options,
        }
    )
    needs_key = vendor.name not in _WITHOUT_KEY
    return _upstream(vendor.name, filled, vendor.variable, settings, needs_key=needs_key)


def _options(vendor: _Vendor, settings: Settings) -> dict[str, Any]:
    if vendor.name != "bfl":
        return {}
    return {"polling_hosts": tuple(host.strip() for host in settings.bfl_polling_hosts.split(",") if host.strip())}


def _own(name: str, told: ProviderSettings, settings: Settings) -> Upstream:
    adapter = ADAPTERS.get(told.adapter or "")
    needs_key = adapter is not None and adapter.needs_key
    return _upstream(name, told, f"LIMNER_PROVIDER__{name.upper()}__KEY", settings, needs_key=needs_key)


def _upstream(name: str, told: ProviderSettings, variable: str, settings: Settings, *, needs_key: bool) -> Upstream:
    pace = ProviderLimits(told.concurrency, told.per_minute, told.burst)
    adapter = ADAPTERS[told.adapter or ""]
    key = told.key.get_secret_value() if told.key else ""
    if not told.enabled:
        missing: str | None = f"provider.{name}.enabled is false"
    elif not told.base_url:
        missing = f"{variable} is not set" if name in _WITHOUT_KEY else f"provider.{name} has no base_url"
    elif needs_key and not key:
        missing = f"{variable} is not set"
    else:
        missing = None
    allows = FetchAllow.parse(settings.fetch_allow).permits
    account = None if missing else VendorAccount(told.base_url or "", key, told.options, allows)
    return Upstream(name, adapter, account, missing, pace)
