from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from fakes import content_of
from integration.providers.order_runner import image_files, order, run_order, shas
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import VendorAccount
from limner.providers.gemini import GeminiProvider
from limner_vendors import Fault, FaultKind, Vendors, sha_of


@pytest.fixture
async def google() -> AsyncIterator[Vendors]:
    async with Vendors.running(["gemini"]) as running:
        yield running
        assert running.violations() == []


@pytest.fixture
async def gemini(google: Vendors) -> AsyncIterator[GeminiProvider]:
    provider = GeminiProvider(VendorAccount(google.base_url("gemini"), google.key("gemini")))
    yield provider
    await provider.close()


@pytest.mark.parametrize(
    ("upstream", "ratio", "image_size", "size"),
    [
        ("gemini-2.5-flash-image", None, None, (1024, 1024)),
        ("gemini-2.5-flash-image", "16:9", None, (1344, 768)),
        ("gemini-3-pro-image", "1:1", "2K", (2048, 2048)),
        ("gemini-3.1-flash-image", "21:9", None, (1584, 672)),
        ("gemini-3.1-flash-image", "1:1", "512", (512, 512)),
        ("gemini-3.1-flash-lite-image", "16:9", "1K", (1376, 768)),
        ("gemini-nano-banana-2.1", "1:8", None, (352, 2928)),
        ("gemini-nano-banana-2.1", "1:1", "2K", (2048, 2048)),
        ("gemini-nano-banana-2.1", "16:9", None, (1376, 768)),
    ],
)
async def test_every_model_draws_what_was_requested(
    google: Vendors,
    gemini: GeminiProvider,
    tmp_path: Path,
    *,
    upstream: str,
    ratio: str | None,
    image_size: str | None,
    size: tuple[int, int],
) -> None:
    options = {"image_size": image_size} if image_size else {}

    followed = await run_order(gemini, order(tmp_path, upstream, aspect_ratio=ratio, options=options))

    # A thinking model's draft lies beside the picture, and is not taken for it.
    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert followed.card.model == upstream
    with Image.open(BytesIO(content_of(followed.delivered))) as picture:
        assert picture.size == size
    assert followed.delivered.served_by["model_version"] == upstream
    assert len(google.purchases("gemini")) == 1


@pytest.mark.parametrize(
    ("upstream", "count"),
    [
        ("gemini-2.5-flash-image", 10),
        ("gemini-3-pro-image", 14),
        ("gemini-3.1-flash-image", 14),
        ("gemini-nano-banana-2.1", 14),
    ],
)
async def test_references_arrive_whole_and_in_their_order(
    gemini: GeminiProvider, tmp_path: Path, upstream: str, count: int
) -> None:
    pictures = image_files(tmp_path, *[(300 + n, 280) for n in range(count)])

    followed = await run_order(gemini, order(tmp_path, upstream, references=pictures))

    assert followed.card.references == shas(pictures)
    assert followed.card.prompt_sha == sha_of("a red fox in the snow")


@pytest.mark.parametrize(
    ("fault", "failure", "stage"),
    [
        (Fault(FaultKind.MODERATED), FailureKind.CONTENT_POLICY, Stage.INPUT),
        (Fault(FaultKind.MODERATED, how="IMAGE_SAFETY"), FailureKind.CONTENT_POLICY, Stage.INPUT),
        (Fault(FaultKind.MODERATED_OUTPUT), FailureKind.CONTENT_POLICY, Stage.OUTPUT),
        (Fault(FaultKind.MODERATED_OUTPUT, how="RECITATION"), FailureKind.CONTENT_POLICY, Stage.OUTPUT),
        (Fault(FaultKind.MODERATED_OUTPUT, how="PUP_LIMITED_DISABLED"), FailureKind.AUTH, None),
        (Fault(FaultKind.TEXT_ONLY), FailureKind.NO_IMAGE, None),
        (Fault(FaultKind.TEXT_ONLY, how="MAX_TOKENS"), FailureKind.BAD_INPUT, None),
        (Fault(FaultKind.EMPTY), FailureKind.NO_IMAGE, None),
        (Fault(FaultKind.EMPTY, how="SOMETHING_NEW"), FailureKind.NO_IMAGE, None),
        (Fault(FaultKind.QUOTA), FailureKind.QUOTA_EXHAUSTED, None),
        (Fault(FaultKind.QUOTA, how="limit0"), FailureKind.QUOTA_EXHAUSTED, None),
        (Fault(FaultKind.QUOTA, how="billing"), FailureKind.QUOTA_EXHAUSTED, None),
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
async def test_every_trouble_has_its_kind_and_leaves_nothing_behind(
    google: Vendors, gemini: GeminiProvider, tmp_path: Path, *, fault: Fault, failure: FailureKind, stage: Stage | None
) -> None:
    google.faults("gemini").add(fault)

    outcome = await gemini.submit(order(tmp_path, "gemini-3.1-flash-image"), lambda _: None)

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.stage) == (failure, stage)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["", "text"])
async def test_a_limit_says_how_long_to_wait(google: Vendors, gemini: GeminiProvider, tmp_path: Path, how: str) -> None:
    google.faults("gemini").add(Fault(FaultKind.RATE_LIMITED, value=9, how=how))

    outcome = await gemini.submit(order(tmp_path, "gemini-3-pro-image"), lambda _: None)

    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.retry_after_s) == (FailureKind.RATE_LIMITED, 9.0)


async def test_a_model_that_was_shut_down_is_unavailable(gemini: GeminiProvider, tmp_path: Path) -> None:
    outcome = await gemini.submit(order(tmp_path, "gemini-3-pro-image-preview"), lambda _: None)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.MODEL_UNAVAILABLE


async def test_a_wrong_key_is_reported_apart_from_a_wrong_prompt(google: Vendors, tmp_path: Path) -> None:
    provider = GeminiProvider(VendorAccount(google.base_url("gemini"), "AIza-wrong"))

    outcome = await provider.submit(order(tmp_path, "gemini-3-pro-image"), lambda _: None)
    await provider.close()

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.AUTH


async def test_a_call_that_outlasts_its_time_has_an_unknown_outcome(
    google: Vendors, gemini: GeminiProvider, tmp_path: Path
) -> None:
    google.faults("gemini").add(Fault(FaultKind.SLOW, value=60))

    outcome = await gemini.submit(order(tmp_path, "gemini-3-pro-image", deadline_s=0.5), lambda _: None)

    assert isinstance(outcome, Failure)
    assert outcome.kind is FailureKind.UNKNOWN_OUTCOME


async def test_a_heavy_picture_arrives_whole(google: Vendors, gemini: GeminiProvider, tmp_path: Path) -> None:
    google.faults("gemini").add(Fault(FaultKind.HEAVY))

    followed = await run_order(gemini, order(tmp_path, "gemini-3.1-flash-image"))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert len(content_of(followed.delivered)) > 1_000_000


@pytest.mark.parametrize("how", ["file", "data", "markdown", "markdown data"])
async def test_a_relay_s_picture_is_bought_once_in_every_form_it_takes(
    google: Vendors, gemini: GeminiProvider, tmp_path: Path, how: str
) -> None:
    google.faults("gemini").add(Fault(FaultKind.RELAY, how=how))

    followed = await run_order(gemini, order(tmp_path, "gemini-3.1-flash-image"))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert len(google.purchases("gemini")) == 1
