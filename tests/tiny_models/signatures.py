"""Print, as JSON, what the parameters of each pipeline's call are called in the diffusers that is found first."""

import inspect
import json

import diffusers

PIPELINES = ("FluxPipeline", "FluxKontextPipeline", "Flux2KleinPipeline")


def parameters(pipeline: str) -> list[str]:
    return list(inspect.signature(getattr(diffusers, pipeline).__call__).parameters)


if __name__ == "__main__":
    print(json.dumps({pipeline: parameters(pipeline) for pipeline in PIPELINES}))  # noqa: T201
