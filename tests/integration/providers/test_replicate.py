from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.providers.order_runner import SteppingClock, image_files, order, run_order, shas
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import VendorAccount
from limner.providers.replicate import ReplicateProvider
from limner_vendors import Fault, FaultKind, Vendors, sha_of

KONTEXT = "black-forest-labs/flux-kontext-pro"
DEV = "black-forest-labs/flux-dev"


@pytest.fixture
async def replicate(emulators: Vendors) -> AsyncIterator[ReplicateProvider]:
    provider = ReplicateProvider(
        VendorAccount(emulators.base_url("replicate"), emulators.key("replicate")), SteppingClock()
    )
    yield provider
    await provider.close()


@pytest.mark.parametrize(
    ("upstream", "count"),
    [
        (KONTEXT, 0),
        (KONTEXT, 1),
        ("black-forest-labs/flux-kontext-max", 1),
        (DEV, 0),
        ("black-forest-labs/flux-2-pro", 0),
        ("black-forest-labs/flux-2-pro", 8),
        ("black-forest-labs/flux-3-image", 0),
        ("black-forest-labs/flux-3-image", 10),
        ("qwen/qwen-image", 0),
    ],
)
@pytest.mark.parametrize("ratio", [None, "16:10"])
async def test_every_model_draws_what_was_requested(
    emulators: Vendors, replicate: ReplicateProvider, tmp_path: Path, *, upstream: str, count: int, ratio: str | None
) -> None:
    pictures = image_files(tmp_path, *[(300, 200)] * count)

    followed = await run_order(replicate, order(tmp_path, upstream, references=pictures, aspect_ratio=ratio))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert followed.card.references == shas(pictures)
    assert followed.card.format == "png"
    assert len(emulators.purchases("replicate")) == 1


@pytest.mark.parametrize("count", [0, 1, 10])
async def test_seedream_draws_with_its_pictures_in_a_list(
    replicate: ReplicateProvider, tmp_path: Path, count: int
) -> None:
    pictures = image_files(tmp_path, *[(300 + n, 200) for n in range(count)])
    asked = order(tmp_path, "bytedance/seedream-4", references=pictures, aspect_ratio="16:10")

    assert (await run_order(replicate, asked)).card.references == shas(pictures)


@pytest.mark.parametrize("count", [0, 1])
async def test_an_upstream_without_a_row_is_served_by_the_facts_of_its_route(
    replicate: ReplicateProvider, tmp_path: Path, count: int
) -> None:
    pictures = image_files(tmp_path, *[(300, 200)] * count)
    facts = {"pictures": 1, "picture_field": "style_of", "seed": False, "usd": 0.02}
    asked = order(tmp_path, "acme/ink-wash", references=pictures, aspect_ratio="16:9", options={"facts": facts})

    followed = await run_order(replicate, asked)

    assert followed.card.references == shas(pictures)
    assert followed.delivered.cost_usd == 0.02


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        (FaultKind.MODERATED, FailureKind.CONTENT_POLICY),
        (FaultKind.MODERATED_OUTPUT, FailureKind.CONTENT_POLICY),
        (FaultKind.FAILED, FailureKind.TRANSIENT),
        (FaultKind.EMPTY, FailureKind.NO_IMAGE),
        (FaultKind.QUOTA, FailureKind.QUOTA_EXHAUSTED),
        (FaultKind.UNAUTHORIZED, FailureKind.AUTH),
        (FaultKind.MODEL_GONE, FailureKind.MODEL_UNAVAILABLE),
        (FaultKind.RATE_LIMITED, FailureKind.RATE_LIMITED),
        (FaultKind.UNAVAILABLE, FailureKind.TRANSIENT),
        (FaultKind.BAD_GATEWAY, FailureKind.UNKNOWN_OUTCOME),
        (FaultKind.LOST_ANSWER, FailureKind.UNKNOWN_OUTCOME),
        (FaultKind.CUT_BODY, FailureKind.UNKNOWN_OUTCOME),
    ],
)
@pytest.mark.parametrize("upstream", [KONTEXT, DEV])
async def test_every_fault_has_its_kind(
    emulators: Vendors,
    replicate: ReplicateProvider,
    tmp_path: Path,
    *,
    upstream: str,
    kind: FaultKind,
    failure: FailureKind,
) -> None:
    emulators.faults("replicate").add(Fault(kind))

    end = (await run_order(replicate, order(tmp_path, upstream))).end

    assert isinstance(end, Failure)
    assert end.kind is failure
    assert emulators.faults("replicate").requests["submit"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.NOT_FOUND, value=2),
        Fault(FaultKind.UNKNOWN_STATUS),
        Fault(FaultKind.EXPIRED_LINK, value=3),
        Fault(FaultKind.UNAVAILABLE, on="poll", times=2),
        Fault(FaultKind.LOST_ANSWER, on="poll"),
        Fault(FaultKind.CUT_BODY, on="delivery"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.on}",
)
async def test_a_bought_job_is_completed_through_every_fault(
    emulators: Vendors, replicate: ReplicateProvider, tmp_path: Path, fault: Fault
) -> None:
    emulators.faults("replicate").add(fault)

    followed = await run_order(replicate, order(tmp_path, KONTEXT))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert len(emulators.purchases("replicate")) == 1


async def test_a_high_tolerance_gives_way_to_a_picture(replicate: ReplicateProvider, tmp_path: Path) -> None:
    pictures = image_files(tmp_path, (300, 200))

    followed = await run_order(
        replicate, order(tmp_path, KONTEXT, references=pictures, options={"safety_tolerance": 6})
    )

    assert followed.card.references == shas(pictures)


async def test_a_refused_field_is_named(replicate: ReplicateProvider, tmp_path: Path) -> None:
    end = (await run_order(replicate, order(tmp_path, DEV, options={"num_outputs": 9}))).end

    assert isinstance(end, Failure)
    assert end.kind is FailureKind.BAD_INPUT
    assert "input.num_outputs: " in end.reason
