from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.providers.order_runner import SteppingClock, image_files, order, run_order, shas
from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Accepted, VendorAccount
from limner.providers.ray import RayProvider
from limner_vendors import Fault, FaultKind, Vendors, sha_of

KLEIN = "FLUX.2-klein-4B"


@pytest.fixture
async def ray(emulators: Vendors) -> AsyncIterator[RayProvider]:
    provider = RayProvider(VendorAccount(emulators.base_url("ray"), emulators.key("ray")), SteppingClock())
    yield provider
    await provider.close()


@pytest.mark.parametrize(
    ("upstream", "count"), [("FLUX.1-dev", 0), ("FLUX.1-Kontext-dev", 1), (KLEIN, 4), ("limner-builtin", 10)]
)
async def test_every_model_draws_what_was_requested(
    emulators: Vendors, ray: RayProvider, tmp_path: Path, *, upstream: str, count: int
) -> None:
    pictures = image_files(tmp_path, *[(300 + n, 200) for n in range(count)])

    followed = await run_order(ray, order(tmp_path, upstream, references=pictures, aspect_ratio="16:10"))

    assert followed.card.prompt_sha == sha_of("a red fox in the snow")
    assert followed.card.references == shas(pictures)
    assert followed.delivered.served_by["provider"] == "ray"
    assert followed.delivered.served_by["device"] == "emulated"
    assert followed.delivered.cost_usd == 0
    assert len(emulators.purchases("ray")) == 1


@pytest.mark.parametrize(
    "cut", [FaultKind.LOST_ANSWER, FaultKind.CUT_HEADERS, FaultKind.CUT_BODY, FaultKind.BAD_GATEWAY]
)
async def test_a_request_whose_answer_was_lost_is_sent_again_and_drawn_once(
    emulators: Vendors, ray: RayProvider, tmp_path: Path, cut: FaultKind
) -> None:
    emulators.faults("ray").add(Fault(cut, how="done" if cut is FaultKind.BAD_GATEWAY else ""))
    asked = order(tmp_path, KLEIN, references=image_files(tmp_path, (300, 200)))

    lost = (await run_order(ray, asked)).end
    found = await run_order(ray, asked)

    assert isinstance(lost, Failure)
    assert lost.kind is FailureKind.UNKNOWN_OUTCOME
    assert found.card.references == shas(asked.references)
    assert len(emulators.purchases("ray")) == 1


async def test_whatever_changes_the_picture_makes_another_job_and_the_time_left_does_not(
    ray: RayProvider, tmp_path: Path
) -> None:
    one, other = image_files(tmp_path, (300, 200), (200, 300))
    asked = [
        order(tmp_path, KLEIN, references=(one,)),
        order(tmp_path, KLEIN, references=(one,), deadline_s=3),
        order(tmp_path, KLEIN, references=(other,)),
        order(tmp_path, KLEIN, references=(one,), seed=99),
        order(tmp_path, KLEIN, references=(one,), aspect_ratio="1:2"),
        order(tmp_path, KLEIN, references=(one,), options={"steps": 9}),
        order(tmp_path, KLEIN, references=(one,), task_id="another task"),
    ]

    accepted = [await ray.submit(each, lambda _: None) for each in asked]

    jobs = [each.handle["id"] for each in accepted if isinstance(each, Accepted)]
    assert jobs[0] == jobs[1]
    assert len(set(jobs)) == len(asked) - 1


async def test_a_cluster_that_lost_its_jobs_gets_them_again(
    emulators: Vendors, ray: RayProvider, tmp_path: Path
) -> None:
    emulators.faults("ray").add(Fault(FaultKind.NOT_FOUND, value=30))
    asked = order(tmp_path, KLEIN)

    end = (await run_order(ray, asked)).end

    assert isinstance(end, Failure)
    assert (end.kind, end.charged) == (FailureKind.UNKNOWN_OUTCOME, False)
    assert ray.free  # so that it is submitted again


async def test_a_model_that_no_engine_has_is_named(ray: RayProvider, tmp_path: Path) -> None:
    end = (await run_order(ray, order(tmp_path, "FLUX.2-klein-9B"))).end

    assert isinstance(end, Failure)
    assert end.kind is FailureKind.MODEL_UNAVAILABLE
    assert "'FLUX.2-klein-9B' has no engine here" in end.reason
