from typing import Any

import pytest

from limner.domain.routing.failure import Failure, FailureKind
from limner.providers.diffusers.pipeline_options import PipelineOptions, options_of


def test_nothing_wished_is_what_the_model_and_the_machine_suggest() -> None:
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
        ("device", "gpu", "auto, cpu, mps, cuda or cuda:N"),
        ("device", "cuda:first", "auto, cpu, mps, cuda or cuda:N"),
        ("dtype", "int8", "one of auto, bfloat16, float16, float32"),
        ("offload", True, "one of none, model, sequential"),
        ("steps", 0, "a whole number from 1 to 200"),
        ("steps", "4", "a whole number from 1 to 200"),
        ("steps", True, "a whole number from 1 to 200"),
        ("guidance", -1, "a number from 0 to 50"),
        ("megapixels", 16, "a number up to 4"),
        ("loaded", 0, "a whole number from 1"),
    ],
)
def test_a_wish_that_cannot_be_is_told_with_its_rule(option: str, value: Any, rule: str) -> None:
    refused = options_of({option: value})

    assert isinstance(refused, Failure)
    assert refused.kind is FailureKind.MODEL_UNAVAILABLE
    assert f"{option} = {value!r}" in refused.reason
    assert rule in refused.reason


def test_a_route_s_options_override_the_account_s() -> None:
    assert options_of({"steps": 20, "device": "cpu"}, {"steps": 4}) == PipelineOptions(steps=4, device="cpu")


def test_how_many_models_are_loaded_is_not_for_a_route_to_say() -> None:
    refused = options_of({"loaded": 1}, {"loaded": 2})

    assert isinstance(refused, Failure)
    assert "only the provider may set it" in refused.reason


def test_a_misspelt_wish_is_told_with_those_that_are_known() -> None:
    refused = options_of({"stpes": 4})

    assert isinstance(refused, Failure)
    assert "'stpes'" in refused.reason
    assert "steps" in refused.reason
