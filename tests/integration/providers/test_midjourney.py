from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from integration.providers.order_runner import (
    OrderResult,
    SteppingClock,
    image_files,
    order,
    poll_to_end,
    run_order,
    shas,
)
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import Accepted, Pending, VendorAccount
from limner.providers.midjourney import MidjourneyProvider
from limner_vendors import Bands, Fault, FaultKind, Vendors, read_bands, sha_of

PROMPT = "a red fox in the snow --seed 7"


@pytest.fixture
async def relay(emulators: Vendors) -> AsyncIterator[MidjourneyProvider]:
    provider = MidjourneyProvider(
        VendorAccount(emulators.base_url("midjourney"), emulators.key("midjourney")), SteppingClock()
    )
    yield provider
    await provider.close()


def cut(followed: OrderResult) -> tuple[Image.Image, Bands]:
    with Image.open(followed.delivered.picture.source) as picture:
        picture.load()
        return picture, read_bands(picture)


async def test_the_first_picture_of_the_grid_is_delivered(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path
) -> None:
    followed = await run_order(relay, order(tmp_path, "midjourney"))

    assert (followed.card.prompt_sha, followed.card.variant) == (sha_of(PROMPT), 1)
    assert followed.card.size == (1024, 1024)
    assert [each.model for each in emulators.purchases("midjourney")] == ["imagine", "upscale"]
    reported = [each.progress for each in followed.pending if each.progress is not None]
    assert reported == sorted(reported)


async def test_a_picture_that_the_relay_names_with_the_grid_is_not_bought_again(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path
) -> None:
    emulators.faults("midjourney").add(Fault(FaultKind.RELAY))

    followed = await run_order(relay, order(tmp_path, "midjourney"))

    assert (followed.card.prompt_sha, followed.card.variant) == (sha_of(PROMPT), 1)
    assert followed.delivered.served_by["picked_by"] == "link"
    assert [each.model for each in emulators.purchases("midjourney")] == ["imagine"]


async def test_another_worker_downloads_it_by_the_handle_alone(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path
) -> None:
    emulators.faults("midjourney").add(Fault(FaultKind.RELAY))
    asked = order(tmp_path, "midjourney")
    accepted = await relay.submit(asked, lambda _: None)
    assert isinstance(accepted, Accepted)
    handle = accepted.handle
    while "pick" not in handle:
        pending = await relay.poll(handle, asked)
        assert isinstance(pending, Pending)
        handle = pending.handle or handle
    account = VendorAccount(emulators.base_url("midjourney"), emulators.key("midjourney"))
    other = MidjourneyProvider(account, SteppingClock())

    end = await poll_to_end(other, handle, asked)

    assert end.card.variant == 1
    await other.close()


async def test_a_shape_goes_behind_the_prompt(relay: MidjourneyProvider, tmp_path: Path) -> None:
    followed = await run_order(relay, order(tmp_path, "midjourney", aspect_ratio="16:9"))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow --ar 16:9 --seed 7")
    assert followed.card.size == (1360, 768)


async def test_the_cut_picture_is_the_first_of_the_grid(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path
) -> None:
    followed = await run_order(relay, order(tmp_path, "midjourney", options={"pick": "crop"}))

    picture, bands = cut(followed)
    assert picture.size == (1024, 1024)
    assert (bands.prompt_sha12, bands.variant) == (sha_of(PROMPT)[:12], 1)
    assert [each.model for each in emulators.purchases("midjourney")] == ["imagine"]


async def test_references_arrive_whole_and_in_their_order(relay: MidjourneyProvider, tmp_path: Path) -> None:
    pictures = image_files(tmp_path, (300, 200), (200, 300))

    followed = await run_order(relay, order(tmp_path, "midjourney", references=pictures))

    assert followed.card.references == shas(pictures)


CODES = [
    (3, FailureKind.TRANSIENT),
    (4, FailureKind.BAD_INPUT),
    (9, FailureKind.TRANSIENT),
    (23, FailureKind.RATE_LIMITED),
    (24, FailureKind.CONTENT_POLICY),
]


@pytest.mark.parametrize(("code", "failure"), CODES)
async def test_every_code_that_says_no_has_its_kind(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path, code: int, failure: FailureKind
) -> None:
    emulators.faults("midjourney").add(Fault(FaultKind.CODE, value=code))

    end = (await run_order(relay, order(tmp_path, "midjourney"))).end

    assert isinstance(end, Failure)
    assert end.kind is failure
    assert emulators.purchases("midjourney") == []


@pytest.mark.parametrize("code", [1, 21, 22])
async def test_every_accepting_code_leads_to_the_picture(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path, code: int
) -> None:
    emulators.faults("midjourney").add(Fault(FaultKind.CODE, value=code))

    assert (await run_order(relay, order(tmp_path, "midjourney"))).card.variant == 1


@pytest.mark.parametrize(
    ("kind", "how", "failure", "stage"),
    [
        (FaultKind.MODERATED, "", FailureKind.CONTENT_POLICY, Stage.INPUT),
        (FaultKind.MODERATED, "Image_denied", FailureKind.CONTENT_POLICY, Stage.INPUT),
        (FaultKind.MODERATED_OUTPUT, "", FailureKind.CONTENT_POLICY, Stage.OUTPUT),
        (FaultKind.FAILED, "", FailureKind.BAD_INPUT, None),
        (FaultKind.FAILED, "Queue_full", FailureKind.RATE_LIMITED, None),
        (FaultKind.FAILED, "Credits_exhausted", FailureKind.QUOTA_EXHAUSTED, None),
        (FaultKind.FAILED, "Blocked", FailureKind.AUTH, None),
        (FaultKind.FAILED, "Something_new", FailureKind.BAD_INPUT, None),
        (FaultKind.EMPTY, "", FailureKind.NO_IMAGE, None),
        (FaultKind.UNAUTHORIZED, "", FailureKind.AUTH, None),
        (FaultKind.FORBIDDEN, "", FailureKind.AUTH, None),
        (FaultKind.RATE_LIMITED, "http", FailureKind.RATE_LIMITED, None),
        (FaultKind.BAD_GATEWAY, "", FailureKind.UNKNOWN_OUTCOME, None),
        (FaultKind.RESET, "", FailureKind.UNKNOWN_OUTCOME, None),
    ],
)
async def test_every_fault_has_its_kind(
    emulators: Vendors,
    relay: MidjourneyProvider,
    tmp_path: Path,
    *,
    kind: FaultKind,
    how: str,
    failure: FailureKind,
    stage: Stage | None,
) -> None:
    emulators.faults("midjourney").add(Fault(kind, how=how))

    end = (await run_order(relay, order(tmp_path, "midjourney"))).end

    assert isinstance(end, Failure)
    assert (end.kind, end.stage) == (failure, stage)
    assert emulators.faults("midjourney").requests["submit"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.LOST_ANSWER),
        Fault(FaultKind.LOST_ANSWER, at=2),
        Fault(FaultKind.CUT_BODY, at=2),
        Fault(FaultKind.NOT_FOUND, value=2),
        Fault(FaultKind.NOT_FOUND, value=2, at=2),
        Fault(FaultKind.UNKNOWN_STATUS),
        Fault(FaultKind.EXPIRED_LINK, value=3, at=2),
        Fault(FaultKind.UNAVAILABLE, on="poll", times=2),
        Fault(FaultKind.LOST_ANSWER, on="poll"),
        Fault(FaultKind.CUT_BODY, on="delivery"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.on}-{fault.at}",
)
async def test_a_bought_job_is_completed_through_every_fault(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path, fault: Fault
) -> None:
    emulators.faults("midjourney").add(fault)

    followed = await run_order(relay, order(tmp_path, "midjourney"))

    assert followed.card.variant == 1
    assert [each.model for each in emulators.purchases("midjourney")] == ["imagine", "upscale"]


@pytest.mark.parametrize(
    "kind", [FaultKind.CODE, FaultKind.FAILED, FaultKind.EMPTY, FaultKind.SERVER_ERROR, FaultKind.RESET]
)
async def test_after_a_fault_of_the_upscale_the_grid_is_cropped(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path, kind: FaultKind
) -> None:
    emulators.faults("midjourney").add(Fault(kind, at=2, value=4))

    followed = await run_order(relay, order(tmp_path, "midjourney"))

    assert followed.delivered.served_by["picked_by"] == "crop"
    assert cut(followed)[1].variant == 1


async def test_a_handle_is_enough_for_another_worker(
    emulators: Vendors, relay: MidjourneyProvider, tmp_path: Path
) -> None:
    asked = order(tmp_path, "midjourney")
    accepted = await relay.submit(asked, lambda _: None)
    assert isinstance(accepted, Accepted)
    other = MidjourneyProvider(
        VendorAccount(emulators.base_url("midjourney"), emulators.key("midjourney")), SteppingClock()
    )

    followed = await poll_to_end(other, accepted.handle, asked)
    await other.close()

    assert followed.card.variant == 1
    assert [each.model for each in emulators.purchases("midjourney")] == ["imagine", "upscale"]
