"""The real pipelines of diffusers, run by the provider as an operator's are, with tiny random weights."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Delivered, GenerationRequest, VendorAccount
from limner.providers.diffusers import DiffusersProvider
from tiny_models.scripts import run_script
from unit.providers.fake_vendor import image_file, order

pytestmark = pytest.mark.anyio

STAND_IN = Path(__file__).parents[1] / "unit" / "providers" / "diffusers" / "stand_in"

LONG_S = 300.0
"""To import diffusers takes 5 s of a free core, and many times that of a busy one."""

SMALL = {"megapixels": 0.0157, "steps": 3}


@pytest.fixture
async def provider(models: Path) -> AsyncIterator[DiffusersProvider]:
    provider = provider_of(models)
    yield provider
    await provider.close()


def provider_of(models: Path) -> DiffusersProvider:
    return DiffusersProvider(VendorAccount(str(models), "", SMALL))


class OrderRunner:
    """Sends orders to one model, each in a folder of its own."""

    def __init__(self, provider: DiffusersProvider, folder: Path, upstream: str) -> None:
        self.provider, self.folder, self.upstream = provider, folder, upstream
        self.numbers = count()

    def order(self, **facts: Any) -> GenerationRequest:
        workdir = self.folder / f"{self.upstream}-{next(self.numbers)}"
        workdir.mkdir()
        return order(workdir, self.upstream, **{"deadline_s": LONG_S, **facts})

    async def delivered(self, **facts: Any) -> Delivered:
        outcome = await self.provider.submit(self.order(**facts), lambda _: None)
        assert isinstance(outcome, Delivered), outcome
        return outcome

    async def image_file(self, **facts: Any) -> bytes:
        return (await self.delivered(**facts)).picture.source.read_bytes()


@pytest.mark.parametrize(
    ("upstream", "pipeline", "guidance"),
    [
        ("FLUX.1-dev", "FluxPipeline", 3.5),
        ("FLUX.1-schnell", "FluxPipeline", 0.0),
        ("FLUX.1-Kontext-dev", "FluxKontextPipeline", 2.5),
        ("FLUX.2-klein-4B", "Flux2KleinPipeline", 1.0),
        ("FLUX.2-klein-base-4B", "Flux2KleinPipeline", 4.0),
    ],
)
async def test_every_kind_of_model_draws_from_words(
    provider: DiffusersProvider, tmp_path: Path, *, upstream: str, pipeline: str, guidance: float
) -> None:
    runner = OrderRunner(provider, tmp_path, upstream)

    delivered = await runner.delivered(aspect_ratio="16:9")

    with Image.open(delivered.picture.source) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (176, 96))
    reported = dict(delivered.served_by)
    assert reported.pop("seconds") > 0
    assert reported == {
        "provider": "diffusers",
        "model": upstream,
        "pipeline": pipeline,
        "generative": True,
        "steps": 3,
        "guidance": guidance,
        "device": reported["device"],
        "dtype": reported["dtype"],
    }


async def test_a_seed_means_the_same_picture_in_every_process(models: Path, tmp_path: Path) -> None:
    pictures = []
    for run in ("first", "second"):
        provider = provider_of(models)
        (tmp_path / run).mkdir()
        runner = OrderRunner(provider, tmp_path / run, "FLUX.1-dev")
        pictures += [await runner.drawn(seed=1), await runner.drawn(seed=1), await runner.drawn(seed=2)]
        await provider.close()

    once, again, other, elsewhere, *_ = pictures
    assert once == again == elsewhere
    assert once != other


@pytest.mark.parametrize("upstream", ["FLUX.1-Kontext-dev", "FLUX.2-klein-4B"])
async def test_references_make_a_difference_each_and_in_their_order(
    provider: DiffusersProvider, tmp_path: Path, upstream: str
) -> None:
    red, blue = image_file(tmp_path / "red.png", (120, 80), "red"), image_file(tmp_path / "blue.png", (120, 80), "blue")
    runner = OrderRunner(provider, tmp_path, upstream)

    choices = [(), (red,), (blue,), (red, blue), (blue, red), (red, blue, red, blue)]
    pictures = [await runner.drawn(references=choice, aspect_ratio="3:2") for choice in choices]

    assert len(set(pictures)) == len(choices)


async def test_progress_is_reported_after_each_step(provider: DiffusersProvider, tmp_path: Path) -> None:
    reported: list[int] = []

    await provider.submit(OrderRunner(provider, tmp_path, "FLUX.1-dev").order(options={"steps": 5}), reported.append)

    assert reported == [19, 38, 57, 76, 95]


async def test_a_cancelled_picture_ends_at_its_next_step(provider: DiffusersProvider, tmp_path: Path) -> None:
    runner, begun, reported = OrderRunner(provider, tmp_path, "FLUX.1-dev"), asyncio.Event(), []

    def on_progress(percent: int) -> None:
        reported.append(percent)
        begun.set()

    long = runner.order(options={"steps": 200, "megapixels": 0.25})
    drawing = asyncio.create_task(provider.submit(long, on_progress))
    await asyncio.wait_for(begun.wait(), LONG_S)
    drawing.cancel()
    await asyncio.wait({drawing})
    await runner.delivered()

    assert drawing.cancelled()
    assert max(reported) < 95
    assert not (long.workdir / "picture.png").exists()


async def test_missing_weights_of_a_component_are_reported(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "FLUX.1-dev"
    await asyncio.to_thread(_copy_without_weights, models / "FLUX.1-dev", folder, "vae")
    provider = provider_of(tmp_path)

    outcome = await provider.submit(OrderRunner(provider, tmp_path / folder.name, "FLUX.1-dev").order(), lambda _: None)
    await provider.close()

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.MODEL_UNAVAILABLE
    assert "'FLUX.1-dev' cannot be loaded" in outcome.reason
    assert str(tmp_path) not in f"{outcome.reason} {outcome.detail}"


def _copy_without_weights(source: Path, target: Path, part: str) -> None:
    for path in source.rglob("*"):
        to = target / path.relative_to(source)
        if path.is_dir() or (part in path.parts and path.suffix == ".safetensors"):
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes())


def test_the_stand_in_for_diffusers_takes_nothing_that_the_real_one_does_not(models: Path) -> None:
    real, stand_in = (
        json.loads(run_script("signatures.py", **environment)) for environment in ({}, {"PYTHONPATH": str(STAND_IN)})
    )

    assert real != stand_in
    assert {name: set(parameters) - set(real[name]) for name, parameters in stand_in.items()} == {
        name: set() for name in real
    }
