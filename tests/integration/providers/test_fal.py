from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.providers.order_runner import SteppingClock, image_files, order, run_order, shas
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.ports.provider import VendorAccount
from limner.providers.fal import FalProvider
from limner_vendors import Fault, FaultKind, Vendors, sha_of

KONTEXT = "fal-ai/flux-pro/kontext"


@pytest.fixture
async def fal(emulators: Vendors) -> AsyncIterator[FalProvider]:
    provider = FalProvider(VendorAccount(emulators.base_url("fal"), emulators.key("fal")), SteppingClock())
    yield provider
    await provider.close()


@pytest.mark.parametrize(
    ("upstream", "count", "path"),
    [
        (KONTEXT, 0, f"{KONTEXT}/text-to-image"),
        (KONTEXT, 1, KONTEXT),
        (KONTEXT, 4, f"{KONTEXT}/multi"),
        (f"{KONTEXT}/max", 1, f"{KONTEXT}/max"),
        (f"{KONTEXT}/max", 2, f"{KONTEXT}/max/multi"),
        ("fal-ai/flux/dev", 0, "fal-ai/flux/dev"),
    ],
)
async def test_every_model_draws_what_was_requested(
    emulators: Vendors, fal: FalProvider, tmp_path: Path, *, upstream: str, count: int, path: str
) -> None:
    pictures = image_files(tmp_path, *[(300 + n, 200) for n in range(count)])

    followed = await run_order(fal, order(tmp_path, upstream, references=pictures, aspect_ratio="16:9"))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert followed.card.references == shas(pictures)
    assert followed.card.format == "png"
    assert [each.model for each in emulators.purchases("fal")] == [path]


@pytest.mark.parametrize(
    ("kind", "how", "failure", "stage"),
    [
        (FaultKind.MODERATED, "", FailureKind.CONTENT_POLICY, Stage.INPUT),
        (FaultKind.MODERATED_OUTPUT, "", FailureKind.CONTENT_POLICY, Stage.OUTPUT),
        (FaultKind.FAILED, "", FailureKind.TRANSIENT, None),
        (FaultKind.FAILED, "bad_request", FailureKind.BAD_INPUT, None),
        (FaultKind.EMPTY, "", FailureKind.NO_IMAGE, None),
        (FaultKind.QUOTA, "", FailureKind.QUOTA_EXHAUSTED, None),
        (FaultKind.UNAUTHORIZED, "", FailureKind.AUTH, None),
        (FaultKind.FORBIDDEN, "", FailureKind.AUTH, None),
        (FaultKind.MODEL_GONE, "", FailureKind.MODEL_UNAVAILABLE, None),
        (FaultKind.RATE_LIMITED, "", FailureKind.RATE_LIMITED, None),
        (FaultKind.UNAVAILABLE, "", FailureKind.TRANSIENT, None),
        (FaultKind.BAD_GATEWAY, "", FailureKind.UNKNOWN_OUTCOME, None),
        (FaultKind.LOST_ANSWER, "", FailureKind.UNKNOWN_OUTCOME, None),
        (FaultKind.CUT_BODY, "", FailureKind.UNKNOWN_OUTCOME, None),
    ],
)
async def test_every_fault_has_its_kind(
    emulators: Vendors,
    fal: FalProvider,
    tmp_path: Path,
    *,
    kind: FaultKind,
    how: str,
    failure: FailureKind,
    stage: Stage | None,
) -> None:
    emulators.faults("fal").add(Fault(kind, how=how))

    end = (await run_order(fal, order(tmp_path, KONTEXT))).end

    assert isinstance(end, Failure)
    assert (end.kind, end.stage) == (failure, stage)
    assert emulators.faults("fal").requests["submit"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.NOT_FOUND, value=2),
        Fault(FaultKind.UNKNOWN_STATUS),
        Fault(FaultKind.EXPIRED_LINK, value=3),
        Fault(FaultKind.UNAVAILABLE, on="poll", times=2),
        Fault(FaultKind.UNAVAILABLE, on="poll", at=4),
        Fault(FaultKind.LOST_ANSWER, on="poll", at=4),
        Fault(FaultKind.CUT_BODY, on="delivery"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.on}-{fault.at}",
)
async def test_a_bought_job_is_completed_through_every_fault(
    emulators: Vendors, fal: FalProvider, tmp_path: Path, fault: Fault
) -> None:
    emulators.faults("fal").add(fault)

    followed = await run_order(fal, order(tmp_path, KONTEXT))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert len(emulators.purchases("fal")) == 1


async def test_a_refused_field_is_named(fal: FalProvider, tmp_path: Path) -> None:
    end = (await run_order(fal, order(tmp_path, "fal-ai/flux/dev", options={"num_inference_steps": 90}))).end

    assert isinstance(end, Failure)
    assert end.kind is FailureKind.BAD_INPUT
    assert "num_inference_steps: " in end.reason
