"""What the configuration says of providers and routes."""

import json
from pathlib import Path

import pytest

from limner.domain.prompts.dialect import (
    FLUX,
    GEMINI,
    GPT_IMAGE,
    KONTEXT,
    MIDJOURNEY,
    NUMBERED,
    PLAIN,
    PromptDialect,
)
from limner.domain.routing.provider_limits import ProviderLimits
from limner.domain.routing.route import UnknownOutcome
from limner.models import shipped_models
from limner.routes import InvalidRoute, UnknownRoute, check_routes, routes_of, with_provider_facts
from limner.settings import Settings, SettingsInvalid, load_settings
from limner.vendors import InvalidOption, Upstream, upstreams

MODELS = shipped_models()

KNOWN = frozenset({"bfl", "openai", "gemini", "fal", "replicate", "midjourney", "gpu_room"})
ROOM = """
[provider.gpu_room]
adapter = "openai"
base_url = "http://10.0.0.7:30000/v1"
concurrency = 4
options = { dialect = "sglang" }

[[route]]
model = "flux.1_dev"
provider = "gpu_room"
upstream = "black-forest-labs/FLUX.1-dev"
price_usd = 0.0
unknown_outcome = "fail_and_refund"
options = { num_inference_steps = 20 }

[[route]]
model = "flux.1_dev"
provider = "bfl"
upstream = "flux-dev"
"""


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("BFL_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "FAL_KEY", "REPLICATE_API_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    """The settings with a GPU room of one's own."""
    (tmp_path / "limner.toml").write_text(ROOM)
    return load_settings(data=tmp_path)


def of(settings: Settings, name: str) -> Upstream:
    return upstreams(settings)[name]


def test_every_model_has_a_route_from_the_start(tmp_path: Path) -> None:
    assert routes_of(load_settings(data=tmp_path), KNOWN).keys() == MODELS.keys()


def test_a_model_s_own_routes_take_the_place_of_those_that_ship(configured: Settings) -> None:
    first, second = routes_of(configured, KNOWN)["flux.1_dev"]

    assert (first.name, first.price_usd) == ("gpu_room/black-forest-labs/FLUX.1-dev", 0.0)
    assert (first.unknown_outcome, first.options) == (UnknownOutcome.FAIL_AND_REFUND, {"num_inference_steps": 20})
    assert (second.name, second.unknown_outcome) == ("bfl/flux-dev", UnknownOutcome.RESEND_ONCE)


def test_the_other_models_keep_theirs(configured: Settings) -> None:
    assert [route.provider for route in routes_of(configured, KNOWN)["flux.1_kontext_pro"]] == [
        *("bfl", "fal", "replicate"),
        *("ray", "diffusers"),
    ]


def test_a_provider_of_one_s_own_needs_no_key_where_its_protocol_needs_none(configured: Settings) -> None:
    room = of(configured, "gpu_room")

    assert room.account is not None
    assert (room.account.base_url, room.account.options) == ("http://10.0.0.7:30000/v1", {"dialect": "sglang"})
    assert room.limits == ProviderLimits(concurrency=4)


def test_the_environment_says_more_than_the_file(configured: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_PROVIDER__GPU_ROOM__CONCURRENCY", "9")
    monkeypatch.setenv("LIMNER_PROVIDER__GPU_ROOM__KEY", "a secret")

    room = of(load_settings(data=configured.data), "gpu_room")

    assert room.account is not None
    assert (room.limits.concurrency, room.account.key) == (9, "a secret")
    assert room.account.base_url == "http://10.0.0.7:30000/v1"


def test_the_hosts_that_may_be_fetched_from_hold_for_deliveries_too(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text(ROOM)

    room = of(load_settings(data=tmp_path, fetch_allow="cdn.intranet:8443"), "gpu_room")

    assert room.account is not None
    assert room.account.allows("cdn.intranet", None, 8443)
    assert not room.account.allows("cdn.intranet", None, 443)


def test_routes_in_the_environment_are_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    route = {"model": "gpt_4o", "provider": "openai", "upstream": "gpt-image-2.6-flare"}
    monkeypatch.setenv("LIMNER_ROUTE", json.dumps([route]))

    [found] = routes_of(load_settings(data=tmp_path), KNOWN)["gpt_4o"]

    assert found.name == "openai/gpt-image-2.6-flare"


def test_a_known_vendor_says_which_variable_it_lacks(tmp_path: Path) -> None:
    assert of(load_settings(data=tmp_path), "bfl").missing == "BFL_API_KEY is not set"
    assert of(load_settings(data=tmp_path), "midjourney").missing == "LIMNER_MIDJOURNEY_URL is not set"


def test_a_known_vendor_has_the_limits_of_its_terms_unless_reported_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFL_API_KEY", "key")
    assert of(load_settings(data=tmp_path), "bfl").limits == ProviderLimits(concurrency=24)

    (tmp_path / "limner.toml").write_text("[provider.bfl]\nconcurrency = 6\nper_minute = 30\nburst = 3\n")
    bfl = of(load_settings(data=tmp_path), "bfl")

    assert bfl.limits == ProviderLimits(concurrency=6, per_minute=30, burst=3)
    assert bfl.account is not None
    assert bfl.account.options["polling_hosts"] == ("bfl.ai",)


def test_a_provider_that_is_switched_off_is_not_active(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFL_API_KEY", "key")
    (tmp_path / "limner.toml").write_text("[provider.bfl]\nenabled = false\n")

    assert of(load_settings(data=tmp_path), "bfl").missing == "provider.bfl.enabled is false"


def test_a_key_is_not_shown_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFL_API_KEY", "very secret")
    (tmp_path / "limner.toml").write_text('[provider.gpu_room]\nadapter = "openai"\nkey = "very secret"\n')
    settings = load_settings(data=tmp_path)

    assert "very secret" not in f"{settings!r} {upstreams(settings)!r}"


def test_a_route_to_nowhere_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text('[[route]]\nmodel = "gpt_4o"\nprovider = "opena1"\nupstream = "x"\n')

    with pytest.raises(UnknownRoute, match="'opena1', which does not exist"):
        routes_of(load_settings(data=tmp_path), KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "[provider.gpu_room]\nbase_url = 'http://x'\n",
        "[provider.gpu_room]\nadapter = 'opena1'\n",
        "[provider.bfl]\nconcurency = 3\n",
        "[provider.bfl]\nconcurrency = 0\n",
        "[[route]]\nmodel = 'gpt_4o'\nprovider = 'openai'\n",
        "[[route]]\nmodel = 'gpt_4o'\nprovider = 'openai'\nupstream = 'x'\nprice = 3\n",
    ],
)
def test_a_slip_of_the_pen_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "limner.toml").write_text(text)

    with pytest.raises(SettingsInvalid):
        load_settings(data=tmp_path)


# --- options that no order would go out with --------------------------------------------------------------------------


def opened(folder: Path, text: str) -> None:
    """What a start does with a configuration, as far as routes and providers go."""
    (folder / "limner.toml").write_text(text)
    settings = load_settings(data=folder)
    reached = upstreams(settings)
    providers = {name: provider for name, each in reached.items() if (provider := each.open())}
    check_routes(routes_of(settings, frozenset(reached)), providers)


def provider(name: str, options: str, adapter: str | None = None) -> str:
    return f"""
[provider.{name}]
adapter = "{adapter or name}"
base_url = "http://127.0.0.1:1"
key = "k"
options = {options}
"""


def route(name: str, upstream: str, options: str, provider_options: str = "{}") -> str:
    return f"""{provider(name, provider_options)}
[[route]]
model = "gpt_4o"
provider = "{name}"
upstream = "{upstream}"
options = {options}
"""


FACTS = '{ sizes = ["1x1"], rates = { text_in = 1, image_in = 2, image_out = 3.5 }, usd = { low = 0.1 } }'
SOUND = {
    "bfl": ("flux-kontext-pro", '{ safety_tolerance = 6, prompt_upsampling = true, a_new_field = "x" }'),
    "openai": (
        "gpt-image-9",
        f'{{ quality = "low", stream = true, size = "1024x1024", family = "gpt-image-2", facts = {FACTS} }}',
    ),
    "gemini": ("gemini-3-pro-image", '{ image_size = "4K", safety_settings = [{ category = "X" }] }'),
    "fal": ("fal-ai/flux/dev", "{ num_inference_steps = 20 }"),
    "replicate": ("black-forest-labs/flux-dev", "{ go_fast = false }"),
    "midjourney": ("niji", '{ pick = "crop", flags = "--v 7" }'),
    "diffusers": ("a-folder", "{ steps = 20 }"),
    "ray": ("a-model", "{ steps = 20, facts = { pictures = 2, formats = ['png'] } }"),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_route_stands(tmp_path: Path, name: str) -> None:
    upstream, options = SOUND[name]

    opened(tmp_path, route(name, upstream, options))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            provider("bfl", '{ poling_hosts = ["x"] }'),
            "provider bfl: option 'poling_hosts' is unknown; there are not_found_",
        ),
        (provider("bfl", '{ poling_hosts = ["x"] }'), "Was 'polling_hosts' meant?"),
        (provider("bfl", '{ polling_hosts = "bfl.ai" }'), "option 'polling_hosts': 'bfl.ai' is no list of texts"),
        (provider("fal", '{ poll_s = "fast" }'), "provider fal: option 'poll_s': 'fast' is no number from 0"),
        (provider("replicate", "{ not_found_grace_s = -1 }"), "-1 is no number from 0"),
        (provider("replicate", "{ go_fast = true }"), "option 'go_fast' is unknown"),
        (provider("midjourney", '{ auth = "basic" }'), "'basic' is none of both, secret, bearer"),
        (provider("midjourney", '{ fail_reasons = { "[Odd]" = "banned" } }'), "'[Odd]' cannot mean 'banned'"),
        (provider("midjourney", '{ polling_hosts = ["x"] }'), "option 'polling_hosts' is unknown"),
        (provider("gemini", '{ api_verison = "v1" }'), "Was 'api_version' meant?"),
        (
            provider("openai", '{ dialect = "azur" }'),
            "provider openai: option 'dialect': 'azur' is none of openai, azure",
        ),
        (provider("openai", '{ dialekt = "azure" }'), "Was 'dialect' meant?"),
        (provider("openai", '{ api_version = "2025" }'), "option 'api_version' is unknown"),
        (
            provider("room", '{ dialect = "sglang", stream = true }', "openai"),
            "provider room: option 'stream' is unknown",
        ),
        (
            provider("room", '{ dialect = "vllm-omni", qualty = "low" }', "openai"),
            "there are dialect, extra_params, facts, family",
        ),
    ],
)
def test_an_option_that_a_provider_s_adapter_does_not_know_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        opened(tmp_path, text)

    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("name", "upstream", "options", "words"),
    [
        ("bfl", "flux-9", "{}", "BFL's model 'flux-9' is not known here"),
        ("bfl", "flux-9", "{}", "Give the option `family`, the known one that takes the same fields, or `facts`"),
        ("bfl", "flux-9", '{ family = "flux-8" }', "option 'family': 'flux-8' is none of flux-kontext-max,"),
        (
            "bfl",
            "flux-9",
            "{ facts = { picture = 3 } }",
            "fact 'picture' is unknown; there are classes, formats",
        ),
        ("bfl", "flux-9", "{ facts = { sides = { step = 16 } } }", "fact 'sides': least is missing"),
        ("fal", "acme/x", "{ facts = { pictures = -1 } }", "fact 'pictures': -1 is no whole number from 0"),
        ("fal", "acme/x", '{ facts = { shapes = "1:1" } }', "fact 'shapes': '1:1' is no list of texts"),
        ("fal", "acme/x", '{ family = "acme/y" }', "option 'family': 'acme/y' is none of fal-ai/flux-pro/kontext,"),
        ("replicate", "acme/x", '{ facts = { usd = "free" } }', "fact 'usd': 'free' is no number from 0"),
        ("bfl", "flux-dev", '{ safety_tolerance = "6" }', "option 'safety_tolerance': '6' is no whole number from 0"),
        ("bfl", "flux-dev", '{ prompt = "x" }', "option 'prompt': Limner sets it in each request itself"),
        ("bfl", "flux-dev", '{ webhook_url = "https://x" }', "option 'webhook_url': Limner sets"),
        ("bfl", "flux-dev", "{ poll_s = 1 }", "option 'poll_s': it belongs to the provider, not to a route"),
        ("bfl", "flux-dev", "{ day = 2026-12-01 }", "is no value that JSON knows"),
        ("bfl", "flux-dev", "{ share = inf }", "option 'share': inf is no value that JSON knows"),
        ("fal", "fal-ai/flux", "{}", "fal's model 'fal-ai/flux' is not known here"),
        ("fal", "fal-ai/flux/dev", "{ image_urls = [] }", "option 'image_urls': Limner sets"),
        ("replicate", "stability/sd", "{}", "Replicate's model 'stability/sd' is not known here"),
        ("replicate", "black-forest-labs/flux-dev", "{ polling_hosts = [] }", "not to a route"),
        ("midjourney", "v7", "{}", "Midjourney's model 'v7' is not known here"),
        ("midjourney", "niji", '{ pick = "cut" }', "option 'pick': 'cut' is none of upscale, crop"),
        ("midjourney", "niji", "{ flags = 7 }", "option 'flags': 7 is no text"),
        (
            "gemini",
            "gemini-3-pro-image",
            '{ image_size = "8K" }',
            "image_size '8K' for gemini-3-pro-image, which has 1K, 2K, 4K",
        ),
        ("gemini", "gemini-2.5-flash-image", '{ image_size = "1K" }', "which has no sizes to choose from"),
        (
            "gemini",
            "x",
            '{ family = "gemini-9" }',
            "option 'family': 'gemini-9' begins with none of gemini-2.5-flash-image",
        ),
        ("gemini", "x", "{ facts = { referenzes = 3 } }", "option 'facts': fact 'referenzes' is unknown; there are"),
        (
            "gemini",
            "x",
            '{ facts = { references = "3" } }',
            "option 'facts': fact 'references': '3' is no whole number",
        ),
        ("openai", "gpt-image-2", '{ qualty = "low" }', "Was 'quality' meant?"),
        ("openai", "gpt-image-2", '{ dialect = "sglang" }', "option 'dialect': it belongs to the provider"),
        ("openai", "gpt-image-2", '{ size = "large" }', "option 'size': 'large' is neither auto nor WIDTHxHEIGHT"),
        ("openai", "gpt-image-2", '{ stream = "yes" }', "option 'stream': 'yes' is neither true nor false"),
        ("openai", "gpt-image-2", '{ facts = "none" }', "option 'facts': 'none' is no table"),
        ("openai", "gpt-image-2", '{ facts = { size = ["1x1"] } }', "fact 'size' is unknown; there are input_fidelity"),
        ("openai", "gpt-image-2", "{ facts = { rates = { text_in = 1 } } }", "fact 'rates': image_in is missing"),
        ("openai", "gpt-image-2", '{ facts = { usd = { low = "1" } } }', "is no table of numbers"),
        ("diffusers", "a-folder", "{ stepps = 20 }", "option 'stepps' is unknown; there are device"),
    ],
)
def test_a_route_that_no_order_would_go_out_over_is_refused(
    tmp_path: Path, name: str, upstream: str, options: str, words: str
) -> None:
    with pytest.raises(InvalidRoute) as refused:
        opened(tmp_path, route(name, upstream, options))

    assert str(refused.value).startswith(f"the route of gpt_4o to {name}/{upstream}: ")
    assert words in str(refused.value)


def test_a_route_to_a_provider_that_lacks_its_key_is_not_judged(tmp_path: Path) -> None:
    text = '[[route]]\nmodel = "gpt_4o"\nprovider = "gemini"\nupstream = "x"\noptions = { typo = 1 }\n'

    opened(tmp_path, text)


def test_every_route_that_ships_stands(tmp_path: Path) -> None:
    opened(tmp_path, "".join(provider(name, "{}") for name in SOUND))


def test_a_route_knows_how_many_reference_images_its_provider_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_secret")
    settings = load_settings(data=tmp_path)
    provider = of(settings, "replicate").open()
    assert provider

    routes = with_provider_facts(routes_of(settings, KNOWN), {"replicate": provider}, settings.models)

    caps = {each.provider: each.reference_cap for each in routes["flux.1_kontext_pro"]}
    assert (caps["replicate"], caps["bfl"]) == (1, None)
    assert {each.provider: each.reference_cap for each in routes["flux.1_dev"]}["replicate"] == 0


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (route("bfl", "flux-2-pro", "{}"), NUMBERED),
        (route("fal", "fal-ai/flux-pro/kontext", "{}"), KONTEXT),
        (route("gemini", "models/of-tomorrow", "{}"), GEMINI),
        (route("openai", "our-deployment", "{}"), GPT_IMAGE),
        (route("openai", "black-forest-labs/FLUX.1-dev", "{}", '{ dialect = "sglang" }'), FLUX),
        (route("openai", "anything", "{}", '{ dialect = "sglang" }'), PLAIN),
        (route("midjourney", "niji", "{}"), MIDJOURNEY),
        (route("bfl", "flux-2-pro", "{}").replace("[[route]]", '[[route]]\nprompt_dialect = "plain"'), PLAIN),
    ],
)
def test_a_route_has_the_dialect_of_its_upstream_whichever_model_it_serves(
    tmp_path: Path, text: str, dialect: PromptDialect
) -> None:
    (tmp_path / "limner.toml").write_text(text)
    settings = load_settings(data=tmp_path)
    providers = {name: found for name, each in upstreams(settings).items() if (found := each.open())}

    [only] = with_provider_facts(routes_of(settings, KNOWN), providers, settings.models)["gpt_4o"]

    assert only.dialect is dialect
