from dataclasses import replace

import pytest

from limner.application.generation.routing import Routing
from limner.domain.refusal import Code, Refusal
from limner.domain.routing.route import Route, UnknownOutcome
from limner.models import shipped_models
from limner.providers.sandbox import SandboxProvider

MODEL = "flux.1_kontext_pro"


def route(provider: str, upstream: str = "kontext") -> Route:
    return Route(f"{provider}/{upstream}", provider, upstream, 120.0, UnknownOutcome.RESEND_ONCE)


def routing(*configured: str, always_use_engine: bool = False) -> Routing:
    """Two vendors may serve the model; those named here are configured, beside the stand-in."""
    return Routing(
        {name: SandboxProvider() for name in ("sandbox", *configured)},
        "sandbox",
        60.0,
        UnknownOutcome.FAIL_AND_REFUND,
        routes={MODEL: (route("bfl"), route("fal"))},
        always_use_engine=always_use_engine,
        models=shipped_models(),
    )


def test_without_a_vendor_the_engine_serves_every_model() -> None:
    [found] = routing().routes_for("gpt_image_2")

    assert (found.name, found.provider, found.upstream) == ("sandbox/gpt_image_2", "sandbox", "gpt_image_2")
    assert (found.deadline_s, found.unknown_outcome) == (60.0, UnknownOutcome.FAIL_AND_REFUND)


@pytest.mark.parametrize(("configured", "chosen"), [(("bfl",), "bfl"), (("fal",), "fal"), (("fal", "bfl"), "bfl")])
def test_the_first_vendor_that_is_configured_serves_the_model(configured: tuple[str, ...], chosen: str) -> None:
    here = routing(*configured)

    assert here.routes_for(MODEL)[0] == route(chosen)
    assert here.provider(here.routes_for(MODEL)[0]) is here.providers[chosen]
    assert here.served_by(MODEL) == chosen


def test_with_a_vendor_configured_the_engine_does_not_serve_other_models() -> None:
    here = routing("bfl")

    with pytest.raises(Refusal) as refused:
        here.routes_for("gpt_image_2")

    assert (refused.value.code, refused.value.field) == (Code.VERSION_UNKNOWN, "model_version")
    assert here.served_by("gpt_image_2") == "none"


def test_a_request_with_images_is_told_of_served_models_that_take_them() -> None:
    here = replace(routing("openai"), routes={"midjourney": (route("openai"),), "gpt_image_2": (route("openai"),)})
    alone = replace(here, routes={"midjourney": (route("openai"),)})

    with pytest.raises(Refusal) as refused:
        here.routes_for(MODEL, 1)
    assert refused.value.suggestion.startswith("Choose a model_version that is served here: gpt_image_2. ")
    with pytest.raises(Refusal) as refused:
        alone.routes_for(MODEL, 1)
    assert refused.value.suggestion.startswith("Leave the images out: no model that is served here takes them. ")


def test_the_engine_serves_other_models_where_the_operator_says_so() -> None:
    here = routing("bfl", always_use_engine=True)

    assert here.routes_for("gpt_image_2")[0].provider == "sandbox"
    assert here.routes_for(MODEL)[0].provider == "bfl"


def test_routes_that_take_too_few_reference_images_are_skipped_and_without_another_the_request_is_refused() -> None:
    here = replace(
        routing("bfl", "fal"),
        routes={MODEL: (replace(route("bfl"), reference_cap=1), replace(route("fal"), reference_cap=2))},
    )

    assert [each.provider for each in here.routes_for(MODEL, 1)] == ["bfl", "fal"]
    assert [each.provider for each in here.routes_for(MODEL, 2)] == ["fal"]
    with pytest.raises(Refusal) as refused:
        here.routes_for(MODEL, 3)
    assert (refused.value.code, refused.value.field) == (Code.INVALID, "files")
    assert "at most 2" in refused.value.reason


def test_the_default_model_is_the_preferred_one_where_it_is_served() -> None:
    assert routing().default_model(MODEL, references=0) == MODEL
    assert routing("bfl").default_model(MODEL, references=4) == MODEL


def test_the_default_model_is_one_that_is_served_and_takes_the_images() -> None:
    here = replace(routing("openai"), routes={"midjourney": (route("openai"),), "gpt_image_2": (route("openai"),)})

    assert here.default_model(MODEL, references=0) == "gpt_image_2"
    assert replace(here, routes={"midjourney": (route("openai"),)}).default_model(MODEL, references=0) == "midjourney"
    assert replace(here, routes={"midjourney": (route("openai"),)}).default_model(MODEL, references=1) == MODEL
    assert here.served_models() == ["gpt_image_2", "midjourney"]
