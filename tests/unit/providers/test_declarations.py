"""The vendors' declarations, and what follows from them."""

import pytest

from limner.ports.provider import VendorAccount
from limner.providers.declarations import VendorDeclaration, declarations
from limner.settings import ProviderSettings, Settings

NAMES = ["bfl", "openai", "gemini", "fal", "replicate", "midjourney", "diffusers", "ray"]


def test_the_vendors_are_listed_in_their_order() -> None:
    assert list(declarations()) == NAMES


@pytest.mark.parametrize("vendor", declarations().values(), ids=lambda vendor: vendor.name)
async def test_a_declaration_leads_to_its_adapter(vendor: VendorDeclaration) -> None:
    provider = vendor.open(VendorAccount(vendor.base_url.default or "http://127.0.0.1:1", "a-key"))
    await provider.close()

    assert provider.name == vendor.name


@pytest.mark.parametrize("vendor", declarations().values(), ids=lambda vendor: vendor.name)
def test_the_settings_of_a_declaration_are_read_from_its_variables(
    vendor: VendorDeclaration, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in vendor.settings:
        monkeypatch.setenv(each.environment_variable, f"http://{each.setting}.test")

    settings = Settings()

    for each in vendor.settings:
        value = getattr(settings, each.setting)
        assert (value.get_secret_value() if each is vendor.key else value) == f"http://{each.setting}.test"


def test_the_adapters_of_a_provider_are_the_declared_ones() -> None:
    for name in declarations():
        assert ProviderSettings(adapter=name).adapter == name
    with pytest.raises(ValueError, match="'bfl', 'openai'"):
        ProviderSettings(adapter="klingon")
