from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.providers.order_runner import SteppingClock, image_files, order, poll_to_end, run_order, shas
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import Accepted, VendorAccount
from limner.providers.bfl import BflProvider
from limner_vendors import Fault, FaultKind, Vendors, sha_of


@pytest.fixture
async def bfl(emulators: Vendors) -> AsyncIterator[BflProvider]:
    options = {"polling_hosts": [emulators.emulator("bfl").environment()["BFL_POLLING_HOSTS"]]}
    provider = BflProvider(VendorAccount(emulators.base_url("bfl"), emulators.key("bfl"), options), SteppingClock())
    yield provider
    await provider.close()


@pytest.mark.parametrize(
    ("upstream", "usd"),
    [
        ("flux-kontext-pro", 0.04),
        ("flux-kontext-max", 0.08),
        ("flux-dev", 0.025),
        ("flux-2-pro", 0.03),
        ("flux-2-flex-preview", 0.05),
        ("flux-2-klein-4b", 0.014),
        ("flux-3-image", 0.048),
    ],
)
@pytest.mark.parametrize("ratio", [None, "16:9", "9:21"])
async def test_every_model_draws_what_was_requested(
    emulators: Vendors, bfl: BflProvider, tmp_path: Path, *, upstream: str, usd: float, ratio: str | None
) -> None:
    followed = await run_order(bfl, order(tmp_path, upstream, aspect_ratio=ratio))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert followed.card.model == upstream
    assert followed.delivered.cost_usd == pytest.approx(usd)
    assert [each.progress for each in followed.pending] == [33, 67]
    assert len(emulators.purchases("bfl")) == 1


@pytest.mark.parametrize(
    ("upstream", "count"), [("flux-kontext-pro", 4), ("flux-2-max", 8), ("flux-2-klein-9b", 4), ("flux-3-image", 10)]
)
async def test_references_arrive_whole_and_in_their_order(
    bfl: BflProvider, tmp_path: Path, upstream: str, count: int
) -> None:
    pictures = image_files(tmp_path, *[(300 + n, 280) for n in range(count)])

    followed = await run_order(bfl, order(tmp_path, upstream, references=pictures))

    assert followed.card.references == shas(pictures)


@pytest.mark.parametrize(("resolution", "usd"), [("768sq", 0.041), ("1k", 0.048), ("2k", 0.10), ("4k", 0.607)])
async def test_flux_3_is_priced_by_its_resolution(
    bfl: BflProvider, tmp_path: Path, resolution: str, usd: float
) -> None:
    options = {"resolution": resolution, "safety_tolerance": 6}

    followed = await run_order(bfl, order(tmp_path, "flux-3-image", options=options))

    assert followed.delivered.cost_usd == pytest.approx(usd)
    assert bfl.prices("flux-3-image", options).usual == usd


@pytest.mark.parametrize("count", [0, 3])
async def test_an_upstream_without_a_row_is_served_by_the_facts_of_its_route(
    bfl: BflProvider, tmp_path: Path, count: int
) -> None:
    pictures = image_files(tmp_path, *[(300 + n, 280) for n in range(count)])
    facts = {"pictures": 3, "list_field": "pictures", "shapes": ["1:1", "3:2", "2:3"], "seed": False}
    asked = order(tmp_path, "acme-ink-wash", references=pictures, aspect_ratio="16:9", options={"facts": facts})

    followed = await run_order(bfl, asked)

    assert followed.card.references == shas(pictures)
    assert followed.delivered.cost_usd == pytest.approx(0.02)


async def test_a_small_reference_is_taken(emulators: Vendors, bfl: BflProvider, tmp_path: Path) -> None:
    pictures = image_files(tmp_path, (400, 300), (64, 20))

    followed = await run_order(bfl, order(tmp_path, "flux-kontext-pro", references=pictures))

    assert followed.card.references[0] == shas(pictures)[0]
    assert len(emulators.purchases("bfl")[0].references) == 2


@pytest.mark.parametrize(
    ("kind", "failure", "stage"),
    [
        (FaultKind.MODERATED, FailureKind.CONTENT_POLICY, Stage.INPUT),
        (FaultKind.MODERATED_OUTPUT, FailureKind.CONTENT_POLICY, Stage.OUTPUT),
        (FaultKind.FAILED, FailureKind.TRANSIENT, None),
        (FaultKind.EMPTY, FailureKind.NO_IMAGE, None),
        (FaultKind.QUOTA, FailureKind.QUOTA_EXHAUSTED, None),
        (FaultKind.UNAUTHORIZED, FailureKind.AUTH, None),
        (FaultKind.FORBIDDEN, FailureKind.AUTH, None),
        (FaultKind.MODEL_GONE, FailureKind.MODEL_UNAVAILABLE, None),
        (FaultKind.SERVER_ERROR, FailureKind.TRANSIENT, None),
        (FaultKind.BAD_GATEWAY, FailureKind.UNKNOWN_OUTCOME, None),
        (FaultKind.LOST_ANSWER, FailureKind.UNKNOWN_OUTCOME, None),
        (FaultKind.CUT_HEADERS, FailureKind.UNKNOWN_OUTCOME, None),
        (FaultKind.CUT_BODY, FailureKind.UNKNOWN_OUTCOME, None),
    ],
)
async def test_every_fault_has_its_kind(
    emulators: Vendors, bfl: BflProvider, tmp_path: Path, *, kind: FaultKind, failure: FailureKind, stage: Stage | None
) -> None:
    emulators.faults("bfl").add(Fault(kind, how="Violence" if stage else ""))

    end = (await run_order(bfl, order(tmp_path, "flux-kontext-pro"))).end

    assert isinstance(end, Failure)
    assert (end.kind, end.stage) == (failure, stage)
    assert stage is None or "Violence" in (end.detail or "")
    assert emulators.faults("bfl").requests["submit"] == 1


@pytest.mark.parametrize(("how", "wait_s"), [("header", 3.0), ("body", 3.0), ("text", 5.0)])
async def test_a_busy_vendor_names_the_wait(
    emulators: Vendors, bfl: BflProvider, tmp_path: Path, how: str, wait_s: float
) -> None:
    emulators.faults("bfl").add(Fault(FaultKind.RATE_LIMITED, value=3, how=how))

    end = (await run_order(bfl, order(tmp_path, "flux-dev"))).end

    assert isinstance(end, Failure)
    assert (end.kind, end.retry_after_s) == (FailureKind.RATE_LIMITED, wait_s)


async def test_a_refused_field_is_named(bfl: BflProvider, tmp_path: Path) -> None:
    end = (await run_order(bfl, order(tmp_path, "flux-3-image", options={"width": 1024}))).end

    assert isinstance(end, Failure)
    assert end.kind is FailureKind.BAD_INPUT
    assert "width: " in end.reason


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.NOT_FOUND, value=2),
        Fault(FaultKind.UNKNOWN_STATUS),
        Fault(FaultKind.EXPIRED_LINK, value=1),
        Fault(FaultKind.EXPIRED_LINK, value=3),
        Fault(FaultKind.UNAVAILABLE, on="poll", times=2),
        Fault(FaultKind.RATE_LIMITED, on="poll"),
        Fault(FaultKind.LOST_ANSWER, on="poll"),
        Fault(FaultKind.CUT_BODY, on="poll"),
        Fault(FaultKind.UNAVAILABLE, on="delivery"),
        Fault(FaultKind.CUT_BODY, on="delivery"),
        Fault(FaultKind.RESET, on="delivery", times=3),
        Fault(FaultKind.HEAVY),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.on}-{fault.value}",
)
async def test_a_bought_job_is_completed_through_every_fault(
    emulators: Vendors, bfl: BflProvider, tmp_path: Path, fault: Fault
) -> None:
    emulators.faults("bfl").add(fault)

    followed = await run_order(bfl, order(tmp_path, "flux-kontext-pro"))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert len(emulators.purchases("bfl")) == 1


async def test_a_handle_is_enough_for_another_worker(emulators: Vendors, bfl: BflProvider, tmp_path: Path) -> None:
    asked = order(tmp_path, "flux-kontext-pro")
    accepted = await bfl.submit(asked, lambda _: None)
    assert isinstance(accepted, Accepted)
    options = {"polling_hosts": [emulators.emulator("bfl").environment()["BFL_POLLING_HOSTS"]]}
    other = BflProvider(VendorAccount(emulators.base_url("bfl"), emulators.key("bfl"), options), SteppingClock())

    followed = await poll_to_end(other, accepted.handle, asked)
    await other.close()

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert len(emulators.purchases("bfl")) == 1
