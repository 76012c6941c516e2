"""The vendors that are configured, and the routes that lead to them."""

import importlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from limner.domain.route import Route, UnknownOutcome
from limner.ports.provider import Provider, VendorAccount
from limner.settings import Settings


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor's adapter, and the variable whose being set makes its routes active."""

    name: str
    adapter: str
    variable: str


VENDORS = (
    Vendor("bfl", "BflProvider", "BFL_API_KEY"),
    Vendor("openai", "OpenAiProvider", "OPENAI_API_KEY"),
    Vendor("gemini", "GeminiProvider", "GEMINI_API_KEY"),
    Vendor("fal", "FalProvider", "FAL_KEY"),
    Vendor("replicate", "ReplicateProvider", "REPLICATE_API_TOKEN"),
    Vendor("midjourney", "MidjourneyProvider", "LIMNER_MIDJOURNEY_URL"),
)


def active_vendors(settings: Settings) -> dict[str, Provider]:
    """An adapter for every vendor that has what it needs. Only their modules are imported."""
    accounts = _accounts(settings)
    return {vendor.name: _adapter(vendor, accounts[vendor.name]) for vendor in VENDORS if vendor.name in accounts}


def default_routes(unknown_outcome: UnknownOutcome) -> Mapping[str, tuple[Route, ...]]:
    """The routes of each model, the preferred one first, whether or not their vendors are configured."""
    told = tomllib.loads((resources.files("limner") / "routes.toml").read_text())
    routes: dict[str, tuple[Route, ...]] = {}
    for row in told["route"]:
        routes[row["model"]] = (*routes.get(row["model"], ()), _route(row, unknown_outcome))
    return routes


def _route(row: Mapping[str, Any], unknown_outcome: UnknownOutcome) -> Route:
    return Route(
        name=f"{row['provider']}/{row['upstream']}",
        provider=row["provider"],
        upstream=row["upstream"],
        deadline_s=float(row["deadline_s"]),
        unknown_outcome=unknown_outcome,
        options=row.get("options", {}),
    )


def _adapter(vendor: Vendor, account: VendorAccount) -> Provider:
    module = importlib.import_module(f"limner.providers.{vendor.name}")
    provider: Provider = getattr(module, vendor.adapter)(account)
    return provider


def _accounts(settings: Settings) -> dict[str, VendorAccount]:
    hosts = tuple(host.strip() for host in settings.bfl_polling_hosts.split(",") if host.strip())
    keyed = {
        "bfl": (settings.bfl_api_key, settings.bfl_base_url, {"polling_hosts": hosts}),
        "openai": (settings.openai_api_key, settings.openai_base_url, {}),
        "gemini": (settings.gemini_api_key, settings.gemini_base_url, {}),
        "fal": (settings.fal_key, settings.fal_base_url, {}),
        "replicate": (settings.replicate_api_token, settings.replicate_base_url, {}),
    }
    accounts = {
        name: VendorAccount(url, key.get_secret_value(), options)
        for name, (key, url, options) in keyed.items()
        if key is not None
    }
    if settings.midjourney_url:
        secret = settings.midjourney_secret.get_secret_value() if settings.midjourney_secret else ""
        accounts["midjourney"] = VendorAccount(settings.midjourney_url, secret)
    return accounts
