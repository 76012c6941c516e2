from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fakes import content_of
from integration.providers.order_runner import image_files, order, run_order, shas
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import Delivered, VendorAccount
from limner.providers.openai import OpenAiProvider
from limner_vendors import Fault, FaultKind, Vendors, sha_of

FLUX = "black-forest-labs/FLUX.1-dev"
KONTEXT = "black-forest-labs/FLUX.1-Kontext-dev"


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors.running(["openai", "sglang", "vllm"]) as running:
        yield running
        assert running.violations() == []


@asynccontextmanager
async def spoken_to(vendors: Vendors, name: str = "openai", **options: Any) -> AsyncIterator[OpenAiProvider]:
    base = vendors.base_url(name)
    match options.get("dialect"):
        case "azure":
            base = f"{base.removesuffix('/v1')}/openai/v1"
        case "azure-deployments":
            base = base.removesuffix("/v1")
    provider = OpenAiProvider(VendorAccount(base, vendors.key(name) if name == "openai" else "", options))
    try:
        yield provider
    finally:
        await provider.close()


@pytest.mark.parametrize(
    ("upstream", "ratio", "size"),
    [
        ("gpt-image-1.5", "16:9", (1536, 1024)),
        ("gpt-image-1.5", None, (1024, 1024)),
        ("gpt-image-2", "16:9", (1280, 720)),
        ("gpt-image-2-2026-04-21", "21:9", (1568, 672)),
        ("gpt-image-2.5-flare", "5:1", (1776, 592)),
        ("gpt-image-2.6-sunburst", "7:5", (1216, 864)),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_every_model_draws_what_was_requested(
    vendors: Vendors, tmp_path: Path, *, upstream: str, ratio: str | None, size: tuple[int, int], stream: bool
) -> None:
    async with spoken_to(vendors, stream=stream) as openai:
        followed = await run_order(openai, order(tmp_path, upstream, aspect_ratio=ratio))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert followed.card.model == upstream
    with Image.open(BytesIO(content_of(followed.delivered))) as picture:
        assert picture.size == size
    assert followed.delivered.cost_usd
    assert followed.delivered.served_by["request_id"].startswith("req_")
    assert len(vendors.purchases("openai")) == 1


@pytest.mark.parametrize("upstream", ["gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2", "gpt-image-2.6-flare"])
@pytest.mark.parametrize("dialect", ["openai", "azure", "azure-deployments"])
@pytest.mark.parametrize("count", [1, 16])
async def test_references_arrive_whole_and_in_their_order(
    vendors: Vendors, tmp_path: Path, *, upstream: str, dialect: str, count: int
) -> None:
    pictures = image_files(tmp_path, *[(200 + n, 180) for n in range(count)])

    async with spoken_to(vendors, dialect=dialect) as openai:
        followed = await run_order(openai, order(tmp_path, upstream, references=pictures))

    assert followed.card.references == shas(pictures)


@pytest.mark.parametrize("stream", [False, True])
async def test_options_are_taken(vendors: Vendors, tmp_path: Path, *, stream: bool) -> None:
    options = {"quality": "low", "output_format": "webp", "output_compression": 60}
    pictures = image_files(tmp_path, (200, 180))

    async with spoken_to(vendors, stream=stream) as openai:
        placed = order(tmp_path, "gpt-image-2", references=pictures, options=options)
        followed = await run_order(openai, placed)

    assert vendors.purchases("openai")[0].asked.items() >= options.items()
    assert followed.delivered.served_by["quality"] == "low"


@pytest.mark.parametrize(
    ("fault", "failure", "stage"),
    [
        (Fault(FaultKind.MODERATED), FailureKind.CONTENT_POLICY, Stage.INPUT),
        (Fault(FaultKind.MODERATED_OUTPUT), FailureKind.CONTENT_POLICY, Stage.OUTPUT),
        (Fault(FaultKind.MODERATED, how="content_policy_violation"), FailureKind.CONTENT_POLICY, None),
        (Fault(FaultKind.QUOTA), FailureKind.QUOTA_EXHAUSTED, None),
        (Fault(FaultKind.QUOTA, how="billing_hard_limit_reached"), FailureKind.QUOTA_EXHAUSTED, None),
        (Fault(FaultKind.UNAUTHORIZED), FailureKind.AUTH, None),
        (Fault(FaultKind.FORBIDDEN), FailureKind.AUTH, None),
        (Fault(FaultKind.MODEL_GONE), FailureKind.MODEL_UNAVAILABLE, None),
        (Fault(FaultKind.SERVER_ERROR), FailureKind.TRANSIENT, None),
        (Fault(FaultKind.BAD_GATEWAY), FailureKind.UNKNOWN_OUTCOME, None),
        (Fault(FaultKind.UNAVAILABLE), FailureKind.TRANSIENT, None),
        (Fault(FaultKind.TIMEOUT), FailureKind.TRANSIENT, None),
        (Fault(FaultKind.RESET), FailureKind.UNKNOWN_OUTCOME, None),
        (Fault(FaultKind.LOST_ANSWER), FailureKind.UNKNOWN_OUTCOME, None),
        (Fault(FaultKind.CUT_HEADERS), FailureKind.UNKNOWN_OUTCOME, None),
        (Fault(FaultKind.CUT_BODY), FailureKind.UNKNOWN_OUTCOME, None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_every_trouble_has_its_kind_and_leaves_nothing_behind(
    vendors: Vendors, tmp_path: Path, *, fault: Fault, failure: FailureKind, stage: Stage | None, stream: bool
) -> None:
    vendors.faults("openai").add(fault)

    async with spoken_to(vendors, stream=stream) as openai:
        outcome = await openai.submit(order(tmp_path, "gpt-image-2"), lambda _: None)

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.stage) == (failure, stage)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("stream", "kind"), [(False, FailureKind.NO_IMAGE), (True, FailureKind.UNKNOWN_OUTCOME)])
async def test_an_empty_answer_is_no_picture(
    vendors: Vendors, tmp_path: Path, *, stream: bool, kind: FailureKind
) -> None:
    vendors.faults("openai").add(Fault(FaultKind.EMPTY))

    async with spoken_to(vendors, stream=stream) as openai:
        outcome = await openai.submit(order(tmp_path, "gpt-image-2"), lambda _: None)

    assert isinstance(outcome, Failure)
    assert outcome.kind is kind


@pytest.mark.parametrize(
    ("how", "reported", "wait_s"), [("", 7, 7.0), ("ms", 0.25, 0.25), ("text", 12, 12.0), ("text", 0.3, 0.3)]
)
async def test_a_limit_says_how_long_to_wait(
    vendors: Vendors, tmp_path: Path, *, how: str, reported: float, wait_s: float
) -> None:
    vendors.faults("openai").add(Fault(FaultKind.RATE_LIMITED, value=reported, how=how))

    async with spoken_to(vendors) as openai:
        outcome = await openai.submit(order(tmp_path, "gpt-image-2"), lambda _: None)

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.retry_after_s) == (FailureKind.RATE_LIMITED, wait_s)


async def test_a_call_that_outlasts_its_time_has_an_unknown_outcome(vendors: Vendors, tmp_path: Path) -> None:
    vendors.faults("openai").add(Fault(FaultKind.SLOW, value=60))

    async with spoken_to(vendors) as openai:
        outcome = await openai.submit(order(tmp_path, "gpt-image-2", deadline_s=0.5), lambda _: None)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNKNOWN_OUTCOME


async def test_a_heavy_picture_arrives_whole(vendors: Vendors, tmp_path: Path) -> None:
    vendors.faults("openai").add(Fault(FaultKind.HEAVY))

    async with spoken_to(vendors) as openai:
        followed = await run_order(openai, order(tmp_path, "gpt-image-2"))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert len(content_of(followed.delivered)) > 1_000_000


@pytest.mark.parametrize("dialect", ["azure", "azure-deployments"])
async def test_azures_filter_is_content_policy(vendors: Vendors, tmp_path: Path, dialect: str) -> None:
    vendors.faults("openai").add(Fault(FaultKind.MODERATED))

    async with spoken_to(vendors, dialect=dialect) as openai:
        outcome = await openai.submit(order(tmp_path, "gpt-image-2"), lambda _: None)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.CONTENT_POLICY
    assert "Azure" in outcome.reason


@pytest.mark.parametrize(
    ("engine", "dialect", "upstream"), [("sglang", "sglang", FLUX), ("vllm", "vllm-omni", KONTEXT)]
)
@pytest.mark.parametrize("pictures", [0, 1])
async def test_ones_own_engines_draw_for_nothing(
    vendors: Vendors, tmp_path: Path, *, engine: str, dialect: str, upstream: str, pictures: int
) -> None:
    given = image_files(tmp_path, *[(200, 180)] * pictures)

    async with spoken_to(vendors, engine, dialect=dialect, num_inference_steps=20, guidance_scale=3.5) as openai:
        followed = await run_order(openai, order(tmp_path, upstream, references=given, aspect_ratio="3:2"))

    assert followed.card.references == shas(given)
    with Image.open(BytesIO(content_of(followed.delivered))) as picture:
        assert picture.size == (1248, 832)
    assert followed.delivered.cost_usd is None
    assert vendors.purchases(engine)[0].asked["seed"] == 7


@pytest.mark.parametrize(
    ("engine", "dialect", "kind", "failure"),
    [
        ("sglang", "sglang", FaultKind.UNAVAILABLE, FailureKind.TRANSIENT),
        ("sglang", "sglang", FaultKind.SERVER_ERROR, FailureKind.TRANSIENT),
        ("vllm", "vllm-omni", FaultKind.BAD_GATEWAY, FailureKind.UNKNOWN_OUTCOME),
        ("vllm", "vllm-omni", FaultKind.EMPTY, FailureKind.NO_IMAGE),
    ],
)
async def test_an_engines_trouble_has_its_kind(
    vendors: Vendors, tmp_path: Path, *, engine: str, dialect: str, kind: FaultKind, failure: FailureKind
) -> None:
    vendors.faults(engine).add(Fault(kind))

    async with spoken_to(vendors, engine, dialect=dialect) as openai:
        outcome = await openai.submit(order(tmp_path, FLUX if engine == "sglang" else KONTEXT), lambda _: None)

    assert isinstance(outcome, Failure)
    assert outcome.kind is failure


async def test_an_engine_that_serves_another_model_is_the_wrong_route(vendors: Vendors, tmp_path: Path) -> None:
    async with spoken_to(vendors, "vllm", dialect="vllm-omni") as openai:
        outcome = await openai.submit(order(tmp_path, "something-else"), lambda _: None)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.MODEL_UNAVAILABLE


async def test_orders_do_not_mix(vendors: Vendors, tmp_path: Path) -> None:
    async with spoken_to(vendors) as openai:
        first, second = [
            await openai.submit(order(tmp_path, "gpt-image-2", prompt=words), lambda _: None)
            for words in ("one", "two")
        ]

    assert isinstance(first, Delivered)
    assert isinstance(second, Delivered)
    assert first.picture.source != second.picture.source


@pytest.mark.parametrize("how", ["url", "data", "markdown", "markdown data"])
async def test_a_relay_s_picture_is_bought_once_in_every_form_it_takes(
    vendors: Vendors, tmp_path: Path, how: str
) -> None:
    vendors.faults("openai").add(Fault(FaultKind.RELAY, how=how))

    async with spoken_to(vendors) as openai:
        followed = await run_order(openai, order(tmp_path, "gpt-image-2"))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert len(vendors.purchases("openai")) == 1
