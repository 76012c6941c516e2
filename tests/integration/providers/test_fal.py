from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.providers.order_runner import SteppingClock, image_files, order, run_order, shas
from limner.domain.routing.failure import Failure, FailureKind, Stage
from limner.domain.tasks.spec import TaskSpec
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
        ("fal-ai/flux-1/dev", 0, "fal-ai/flux-1/dev"),
        ("fal-ai/flux-2-pro", 0, "fal-ai/flux-2-pro"),
        ("fal-ai/flux-2-max", 1, "fal-ai/flux-2-max/edit"),
        ("fal-ai/flux-2-flex", 8, "fal-ai/flux-2-flex/edit"),
        ("fal-ai/qwen-image", 0, "fal-ai/qwen-image"),
        ("fal-ai/qwen-image", 3, "fal-ai/qwen-image-edit-plus"),
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
    ("upstream", "path", "most"),
    [
        ("blackforestlabs/flux-3", {0: "text-to-image", 1: "edit-image", 10: "edit-image"}, 10),
        ("fal-ai/bytedance/seedream/v4", {0: "text-to-image", 1: "edit", 10: "edit"}, 10),
        ("bytedance/seedream/v5/lite", {0: "text-to-image", 1: "edit", 10: "edit"}, 10),
    ],
)
async def test_a_model_that_draws_in_its_own_format_gets_no_field_that_it_does_not_know(
    emulators: Vendors, fal: FalProvider, tmp_path: Path, *, upstream: str, path: dict[int, str], most: int
) -> None:
    pictures = image_files(tmp_path, *[(300 + n, 280) for n in range(most)])

    for count in path:
        followed = await run_order(fal, order(tmp_path, upstream, references=pictures[:count]))
        assert followed.card.references == shas(pictures[:count])

    assert [each.model for each in emulators.purchases("fal")] == [f"{upstream}/{path[count]}" for count in path]


INK_WASH = {
    "pictures": 2,
    "with_one": "/with-references",
    "with_many": "/with-references",
    "picture_field": "",
    "list_field": "reference_images",
    "shapes": ["1:1", "3:2", "2:3"],
    "seed": False,
    "usd": 0.07,
    "classes": {"1K": "small", "2K": "large"},
    "formats": ["png", "webp"],
}


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_an_upstream_without_a_row_is_served_by_the_facts_of_its_route(
    emulators: Vendors, fal: FalProvider, tmp_path: Path, count: int
) -> None:
    pictures = image_files(tmp_path, *[(300 + n, 200) for n in range(count)])
    asked = order(tmp_path, "acme/ink-wash", references=pictures, aspect_ratio="16:9", options={"facts": INK_WASH})

    followed = await run_order(fal, asked)

    assert followed.card.references == shas(pictures)
    assert followed.delivered.cost_usd == 0.07
    assert [each.model for each in emulators.purchases("fal")] == [
        "acme/ink-wash/with-references" if count else "acme/ink-wash"
    ]


async def test_it_obeys_what_the_facts_say(emulators: Vendors, fal: FalProvider, tmp_path: Path) -> None:
    spec = TaskSpec(prompt="a red fox in the snow", size="2K", output_format="webp")
    options = {"facts": INK_WASH}

    followed = await run_order(fal, order(tmp_path, "acme/ink-wash", spec=spec, options=options))

    able = fal.abilities("acme/ink-wash", options)
    assert (able.size_classes, able.formats, able.seed) == ({"1K", "2K"}, {"png", "webp"}, False)
    assert followed.card.format == "webp"
    assert emulators.purchases("fal")[0].asked["resolution"] == "large"


async def test_an_upstream_without_a_row_may_have_the_facts_of_a_known_family(
    emulators: Vendors, fal: FalProvider, tmp_path: Path
) -> None:
    options = {"family": "fal-ai/qwen-image", "facts": {"with_one": "", "with_many": "", "usd": 0.01}}

    followed = await run_order(
        fal,
        order(tmp_path, "fal-ai/qwen-image-edit-plus", references=image_files(tmp_path, (300, 200)), options=options),
    )

    assert followed.delivered.cost_usd == 0.01
    assert len(emulators.purchases("fal")) == 1


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


@pytest.mark.parametrize(("options", "sent"), [({}, None), ({"queue_priority": "low"}, "low")])
async def test_the_route_s_place_in_fal_s_queue_is_a_header(
    emulators: Vendors, fal: FalProvider, tmp_path: Path, *, options: dict[str, str], sent: str | None
) -> None:
    assert fal.route_problem("fal-ai/flux/dev", options) is None
    await run_order(fal, order(tmp_path, "fal-ai/flux/dev", options=options))

    [purchase] = emulators.purchases("fal")
    assert purchase.asked.get("queue_priority") == sent


async def test_a_place_that_fal_does_not_have_is_no_option(fal: FalProvider) -> None:
    assert "is none of low, normal" in str(fal.route_problem("fal-ai/flux/dev", {"queue_priority": "high"}))


@pytest.mark.parametrize(("count", "usd"), [(0, 0.03), (1, 0.045), (3, 0.075)])
async def test_flux_2_pro_costs_more_with_each_picture(
    fal: FalProvider, tmp_path: Path, *, count: int, usd: float
) -> None:
    pictures = image_files(tmp_path, *[(600, 600)] * count)

    followed = await run_order(fal, order(tmp_path, "fal-ai/flux-2-pro", references=pictures))

    assert followed.delivered.cost_usd == pytest.approx(usd)
