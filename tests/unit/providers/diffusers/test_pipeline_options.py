from typing import Any

import pytest

from limner.domain.routing.failure import Failure, FailureKind
from limner.providers.diffusers.pipeline_options import PipelineOptions, options_of


def test_the_defaults_are_those_of_the_model_and_the_machine() -> None:
    options = options_of({})

    assert options == PipelineOptions()
    assert isinstance(options, PipelineOptions)
    assert (options.device, options.dtype, options.offload, options.megapixels) == ("auto", "auto", "none", 1.0)


def test_options_are_used_as_given() -> None:
    given = {"device": "cuda:1", "dtype": "float16", "offload": "model", "steps": 20, "guidance": 3, "loaded": 2}

    assert options_of(given) == PipelineOptions(**given)


@pytest.mark.parametrize(
    ("option", "value", "rule"),
    [
        ("device", "gpu", "is none of auto, cpu, mps, cuda and cuda:N"),
        ("device", "cuda:first", "is none of auto, cpu, mps, cuda and cuda:N"),
        ("dtype", "int8", "is none of auto, bfloat16, float16, float32"),
        ("offload", True, "is none of none, model, sequential"),
        ("steps", 0, "is no whole number from 1 to 200"),
        ("steps", "4", "is no whole number from 1 to 200"),
        ("steps", True, "is no whole number from 1 to 200"),
        ("guidance", -1, "is no number from 0 to 50"),
        ("megapixels", 16, "is no number from 0.001 to 4"),
        ("loaded", 0, "is no whole number from 1 to 64"),
    ],
)
def test_an_invalid_value_is_refused_with_its_rule(option: str, value: Any, rule: str) -> None:
    refused = options_of({option: value})

    assert isinstance(refused, Failure)
    assert refused.kind is FailureKind.MODEL_UNAVAILABLE
    assert f"option {option!r}: {value!r}" in refused.reason
    assert rule in refused.reason


def test_a_route_s_options_override_the_account_s() -> None:
    assert options_of({"steps": 20, "device": "cpu"}, {"steps": 4}) == PipelineOptions(steps=4, device="cpu")


def test_a_route_may_not_set_how_many_models_are_loaded() -> None:
    refused = options_of({"loaded": 1}, {"loaded": 2})

    assert isinstance(refused, Failure)
    assert "it belongs to the provider, not to a route" in refused.reason


def test_a_misspelt_option_is_refused_with_the_one_that_was_meant() -> None:
    refused = options_of({"stpes": 4})

    assert isinstance(refused, Failure)
    assert "'stpes'" in refused.reason
    assert "Was 'steps' meant?" in refused.reason
