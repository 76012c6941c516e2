"""The provider and its processes, with a stand-in for torch and diffusers in place of models that weigh gigabytes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from limner.domain.routing.failure import Failure, FailureKind
from limner.ports.provider import Delivered, GenerationRequest, VendorAccount
from limner.providers.diffusers import DiffusersProvider
from limner.providers.diffusers.process import PipelineProcess
from unit.providers.diffusers.folders import model_folder, noted
from unit.providers.fake_vendor import image_file, order

pytestmark = pytest.mark.anyio

STAND_IN = Path(__file__).parent / "stand_in"

LONG_S = 60.0
"""Enough for a process to start on a machine that is busy with other things."""


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    model_folder(tmp_path / "models" / "flux")
    model_folder(tmp_path / "models" / "kontext", "FluxKontextPipeline")
    model_folder(tmp_path / "models" / "klein", "Flux2KleinPipeline", is_distilled=True)
    return tmp_path / "models"


@pytest.fixture
async def provider(models: Path) -> AsyncIterator[DiffusersProvider]:
    provider = provider_of(models)
    yield provider
    await provider.close()


def provider_of(models: Path, **facts: Any) -> DiffusersProvider:
    options = {"megapixels": 0.0625, **facts.pop("options", {})}
    return DiffusersProvider(VendorAccount(str(models), "", options), **facts)


def asked(workdir: Path, upstream: str, **facts: Any) -> GenerationRequest:
    workdir.mkdir(exist_ok=True)
    return order(workdir, upstream, **{"deadline_s": LONG_S, **facts})


def ignored(percent: int) -> None:
    """Nobody watches this order."""


def processes(provider: DiffusersProvider) -> dict[str, PipelineProcess]:
    """Those that hold a model, by its name."""
    return {Path(model.folder).name: process for model, process in provider._processes.items()}


def pid(provider: DiffusersProvider, model: str) -> int:
    child = processes(provider)[model]._child
    assert child is not None
    return child.pid


def failed(outcome: object, kind: FailureKind) -> Failure:
    assert isinstance(outcome, Failure), outcome
    assert outcome.kind is kind
    return outcome


# --- a picture ------------------------------------------------------------------------------------------------


async def test_an_order_comes_back_as_a_picture_with_its_progress(provider: DiffusersProvider, tmp_path: Path) -> None:
    reported: list[int] = []

    outcome = await provider.submit(asked(tmp_path / "a", "klein", aspect_ratio="16:9"), reported.append)

    assert isinstance(outcome, Delivered), outcome
    with Image.open(outcome.picture.source) as picture:
        assert (picture.format, picture.size) == ("PNG", (336, 192))
    assert reported == [23, 47, 71, 95]
    assert outcome.cost_usd is None
    assert outcome.served_by["model"] == "klein"
    assert outcome.served_by["device"] == "cpu"
    assert outcome.served_by["generative"] is True
    assert outcome.served_by["seconds"] >= 0


async def test_the_model_is_loaded_once_from_its_folder_and_from_nowhere_else(
    provider: DiffusersProvider, models: Path, tmp_path: Path
) -> None:
    await provider.submit(asked(tmp_path / "a", "flux"), ignored)
    await provider.submit(asked(tmp_path / "b", "flux"), ignored)

    (load,) = noted(models / "flux", "loads")
    assert (load["local_files_only"], load["offline"], load["use_safetensors"]) == (True, "1", True)
    assert load["dtype"] == "bfloat16"


async def test_the_pipeline_is_called_with_what_was_asked(
    provider: DiffusersProvider, models: Path, tmp_path: Path
) -> None:
    await provider.submit(asked(tmp_path / "a", "flux", seed=11, options={"steps": 2, "guidance": 5}), ignored)

    assert noted(models / "flux", "calls") == [
        {
            "prompt": "a red fox",
            "height": 256,
            "width": 256,
            "num_inference_steps": 2,
            "guidance_scale": 5.0,
            "max_sequence_length": 512,
            "seed": 11,
            "images": [],
        }
    ]


async def test_kontext_is_given_its_references_on_one_canvas_and_klein_in_a_list(
    provider: DiffusersProvider, models: Path, tmp_path: Path
) -> None:
    pictures = (image_file(tmp_path / "1.png", (90, 60)), image_file(tmp_path / "2.png", (60, 60)))

    await provider.submit(asked(tmp_path / "a", "kontext", references=pictures), ignored)
    await provider.submit(asked(tmp_path / "b", "klein", references=pictures), ignored)

    (kontext,), (klein,) = noted(models / "kontext", "calls"), noted(models / "klein", "calls")
    assert kontext["images"] == [[400, 160]]
    assert (kontext["width"], kontext["height"], kontext["max_area"]) == (320, 208, 320 * 208)
    assert klein["images"] == [[90, 60], [60, 60]]


# --- what stands in the way -----------------------------------------------------------------------------------


async def test_a_missing_folder_costs_no_process(provider: DiffusersProvider, tmp_path: Path) -> None:
    outcome = await provider.submit(asked(tmp_path / "a", "FLUX.1-dev"), ignored)

    assert "'FLUX.1-dev' does not exist" in failed(outcome, FailureKind.MODEL_UNAVAILABLE).reason
    assert processes(provider) == {}


async def test_an_invalid_option_starts_no_process(provider: DiffusersProvider, tmp_path: Path) -> None:
    outcome = await provider.submit(asked(tmp_path / "a", "flux", options={"steps": 0}), ignored)

    assert "option 'steps': 0" in failed(outcome, FailureKind.MODEL_UNAVAILABLE).reason
    assert processes(provider) == {}


async def test_an_invalid_option_of_the_account_fails_its_requests(models: Path, tmp_path: Path) -> None:
    provider = provider_of(models, options={"loaded": "all"})

    outcome = await provider.submit(asked(tmp_path / "a", "flux"), ignored)

    assert "option 'loaded': 'all'" in failed(outcome, FailureKind.MODEL_UNAVAILABLE).reason


async def test_without_the_extra_the_reason_says_how_to_install_it(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty" / "torch"
    empty.mkdir(parents=True)
    (empty / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    monkeypatch.setenv("PYTHONPATH", str(empty.parent))
    provider = provider_of(models)

    outcome = await provider.submit(asked(tmp_path / "a", "flux"), ignored)
    await provider.close()

    reason = failed(outcome, FailureKind.MODEL_UNAVAILABLE).reason
    assert "the Python package 'torch' is not installed" in reason
    assert "pip install 'limner[diffusers]'" in reason
    assert processes(provider) == {}


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        ("out of memory", FailureKind.MODEL_UNAVAILABLE, "does not fit in memory; set the option offload"),
        ("killed", FailureKind.MODEL_UNAVAILABLE, "killed, probably for lack of memory"),
        ("package missing", FailureKind.MODEL_UNAVAILABLE, "'transformers' is not installed"),
        ("cut short", FailureKind.MODEL_UNAVAILABLE, "the server's log says why"),
        ("crash", FailureKind.TRANSIENT, "ended while it was loading"),
    ],
)
async def test_a_model_that_cannot_be_loaded_fails_and_leaves_no_process(
    provider: DiffusersProvider, models: Path, *, trouble: str, kind: FailureKind, words: str
) -> None:
    model_folder(models / "broken", trouble=trouble)

    outcome = await provider.submit(asked(models.parent / "a", "broken"), ignored)

    failure = failed(outcome, kind)
    assert words in failure.reason
    assert "/srv/models/secret" not in f"{failure.reason} {failure.detail}"
    assert processes(provider) == {}


async def test_a_model_that_was_mended_is_loaded_by_the_next_order(
    provider: DiffusersProvider, models: Path, tmp_path: Path
) -> None:
    folder = model_folder(models / "broken", trouble="cut short")
    await provider.submit(asked(tmp_path / "a", "broken"), ignored)
    (folder / "trouble").unlink()

    outcome = await provider.submit(asked(tmp_path / "b", "broken"), ignored)

    assert isinstance(outcome, Delivered), outcome


async def test_offload_without_a_gpu_fails(provider: DiffusersProvider, tmp_path: Path) -> None:
    outcome = await provider.submit(asked(tmp_path / "a", "flux", options={"offload": "model"}), ignored)

    assert "needs a GPU" in failed(outcome, FailureKind.MODEL_UNAVAILABLE).reason


@pytest.mark.parametrize(
    ("prompt", "words"), [("out of memory", "there was not enough memory"), ("crash", "ended while it was drawing")]
)
async def test_a_process_that_drawing_broke_is_replaced(
    provider: DiffusersProvider, models: Path, *, prompt: str, words: str
) -> None:
    outcome = await provider.submit(asked(models.parent / "a", "flux", prompt=prompt), ignored)
    left = processes(provider)
    again = await provider.submit(asked(models.parent / "b", "flux"), ignored)

    assert words in failed(outcome, FailureKind.TRANSIENT).reason
    assert left == {}
    assert isinstance(again, Delivered)
    assert len({load["pid"] for load in noted(models / "flux", "loads")}) == 2


async def test_an_order_that_cannot_be_drawn_leaves_the_model_loaded(
    provider: DiffusersProvider, tmp_path: Path
) -> None:
    outcome = await provider.submit(asked(tmp_path / "a", "flux", prompt="bug"), ignored)
    before = pid(provider, "flux")
    again = await provider.submit(asked(tmp_path / "b", "flux"), ignored)

    assert failed(outcome, FailureKind.NO_IMAGE).detail == "KeyError"
    assert isinstance(again, Delivered)
    assert pid(provider, "flux") == before


async def test_a_picture_of_one_colour_is_none(provider: DiffusersProvider, tmp_path: Path) -> None:
    outcome = await provider.submit(asked(tmp_path / "a", "flux", prompt="overflow"), ignored)

    failure = failed(outcome, FailureKind.BAD_OUTPUT)
    assert "overflowed in bfloat16" in failure.reason
    assert failure.charged is False


async def test_a_task_folder_that_is_gone_is_transient(provider: DiffusersProvider, tmp_path: Path) -> None:
    outcome = await provider.submit(order(tmp_path / "gone", "flux", deadline_s=LONG_S), ignored)

    assert failed(outcome, FailureKind.TRANSIENT).detail == "FileNotFoundError"


async def test_a_killed_process_is_transient_and_replaced(provider: DiffusersProvider, tmp_path: Path) -> None:
    await provider.submit(asked(tmp_path / "a", "flux"), ignored)
    child_pid = pid(provider, "flux")
    endless = asked(tmp_path / "b", "flux", prompt="for ever")

    def kill(_progress: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # progress that was on its way comes after its death
            os.kill(child_pid, signal.SIGKILL)

    outcome = await provider.submit(endless, kill)
    again = await provider.submit(asked(tmp_path / "c", "flux"), ignored)

    assert failed(outcome, FailureKind.TRANSIENT).detail == "exit status -9"
    assert isinstance(again, Delivered)


# --- giving up ------------------------------------------------------------------------------------------------


async def test_a_cancelled_order_ends_at_its_next_step_and_the_model_goes_on(
    provider: DiffusersProvider, models: Path, tmp_path: Path
) -> None:
    begun = asyncio.Event()
    endless = asyncio.create_task(
        provider.submit(asked(tmp_path / "a", "flux", prompt="for ever"), lambda _: begun.set())
    )
    await asyncio.wait_for(begun.wait(), LONG_S)
    endless.cancel()
    await asyncio.wait({endless})

    outcome = await provider.submit(asked(tmp_path / "b", "flux"), ignored)

    assert endless.cancelled()
    assert isinstance(outcome, Delivered)
    assert len(noted(models / "flux", "loads")) == 1


async def test_an_order_past_its_deadline_ends_at_its_next_step_too(
    provider: DiffusersProvider, models: Path, tmp_path: Path
) -> None:
    await provider.submit(asked(tmp_path / "a", "flux"), ignored)

    late = await provider.submit(asked(tmp_path / "b", "flux", prompt="for ever", deadline_s=0.5), ignored)
    outcome = await provider.submit(asked(tmp_path / "c", "flux"), ignored)

    assert "'flux' made no picture within 0.5 s" in failed(late, FailureKind.TIMEOUT).reason
    assert isinstance(outcome, Delivered)
    assert len(noted(models / "flux", "loads")) == 1


async def test_an_order_cancelled_before_its_turn_is_never_begun(
    provider: DiffusersProvider, models: Path, tmp_path: Path
) -> None:
    begun = asyncio.Event()
    endless = asyncio.create_task(
        provider.submit(asked(tmp_path / "a", "flux", prompt="for ever"), lambda _: begun.set())
    )
    await asyncio.wait_for(begun.wait(), LONG_S)
    late = await provider.submit(asked(tmp_path / "b", "flux", prompt="too late", deadline_s=0.05), ignored)
    endless.cancel()
    await asyncio.wait({endless})
    await provider.submit(asked(tmp_path / "c", "flux"), ignored)

    failed(late, FailureKind.TIMEOUT)
    assert [call["prompt"] for call in noted(models / "flux", "calls")] == ["for ever", "a red fox"]


async def test_a_process_that_hangs_is_ended_when_an_order_is_given_up(models: Path, tmp_path: Path) -> None:
    provider = provider_of(models, silence_limit_s=0.0)
    await provider.submit(asked(tmp_path / "a", "flux"), ignored)

    hung = await provider.submit(asked(tmp_path / "b", "flux", prompt="hang", deadline_s=0.5), ignored)
    left = processes(provider)
    again = await provider.submit(asked(tmp_path / "c", "flux"), ignored)
    await provider.close()

    failed(hung, FailureKind.TIMEOUT)
    assert left == {}
    assert isinstance(again, Delivered)


async def test_a_load_is_not_ended_with_the_order_that_began_it(models: Path, tmp_path: Path) -> None:
    provider = provider_of(models, silence_limit_s=0.0)
    model_folder(models / "slow", trouble="hang")

    late = await provider.submit(asked(tmp_path / "a", "slow", deadline_s=0.5), ignored)
    left = processes(provider).keys()
    await provider.close()

    failed(late, FailureKind.TIMEOUT)
    assert left == {"slow"}


# --- several models -------------------------------------------------------------------------------------------


async def test_a_model_gives_its_memory_back_before_another_is_loaded(
    provider: DiffusersProvider, tmp_path: Path
) -> None:
    await provider.submit(asked(tmp_path / "a", "flux"), ignored)
    first = pid(provider, "flux")

    await provider.submit(asked(tmp_path / "b", "klein"), ignored)

    assert processes(provider).keys() == {"klein"}
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_as_many_models_stay_loaded_as_are_allowed(models: Path, tmp_path: Path) -> None:
    provider = provider_of(models, options={"loaded": 2})
    for name in ("flux", "klein", "flux", "kontext"):
        await provider.submit(asked(tmp_path / "a", name), ignored)
    kept = processes(provider).keys()
    await provider.close()

    assert kept == {"flux", "kontext"}


async def test_one_folder_on_two_devices_counts_as_two_models(models: Path, tmp_path: Path) -> None:
    provider = provider_of(models, options={"loaded": 2})
    await provider.submit(asked(tmp_path / "a", "flux"), ignored)
    await provider.submit(asked(tmp_path / "b", "flux", options={"device": "cpu"}), ignored)
    await provider.close()

    assert len(noted(models / "flux", "loads")) == 2


async def test_orders_that_come_together_get_each_its_own_picture(
    provider: DiffusersProvider, models: Path, tmp_path: Path
) -> None:
    orders = [asked(tmp_path / str(seed), "flux", seed=seed) for seed in range(6)]

    outcomes = await asyncio.gather(*(provider.submit(each, ignored) for each in orders))

    pictures = [outcome.picture.source for outcome in outcomes if isinstance(outcome, Delivered)]
    assert [seed_of(picture) for picture in pictures] == list(range(6))
    assert len(noted(models / "flux", "loads")) == 1


def seed_of(picture: Path) -> Any:
    """The stand-in paints the seed into the corner."""
    with Image.open(picture) as opened:
        return opened.getpixel((0, 0))[2]


# --- the service beside it ------------------------------------------------------------------------------------


async def test_the_process_knows_none_of_the_service_s_secrets(
    provider: DiffusersProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFL_API_KEY", "sk-secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    await provider.submit(asked(tmp_path / "a", "flux"), ignored)

    environment = Path(f"/proc/{pid(provider, 'flux')}/environ").read_text()

    assert "sk-secret" not in environment
    assert "CUDA_VISIBLE_DEVICES=1" in environment


async def test_closing_ends_every_process(models: Path, tmp_path: Path) -> None:
    provider = provider_of(models, options={"loaded": 2})
    await provider.submit(asked(tmp_path / "a", "flux"), ignored)
    await provider.submit(asked(tmp_path / "b", "klein"), ignored)
    pids = [pid(provider, "flux"), pid(provider, "klein")]

    await provider.close()

    for each in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(each, 0)


async def test_a_check_looks_and_loads_nothing(provider: DiffusersProvider, models: Path) -> None:
    said = await provider.check([])

    assert ("flux (FluxPipeline)" in said.says) is said.well
    assert ("pip install 'limner[diffusers]'" in said.says) is not said.well
    assert noted(models / "flux", "loads") == []
    assert processes(provider) == {}


def test_the_service_loads_neither_torch_nor_diffusers() -> None:
    script = "import sys, limner.providers.diffusers; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert "limner.providers.diffusers.provider" in loaded
    assert not {"torch", "diffusers", "transformers", "PIL", "limner.providers.diffusers.pipeline"} & set(loaded)


ABANDONED = """
import asyncio, os, sys
from pathlib import Path
from limner.ports.provider import VendorAccount
from limner.providers.diffusers import DiffusersProvider
from unit.providers.fake_vendor import order
async def main():
    provider = DiffusersProvider(VendorAccount({models!r}, ""))
    def killed(percent):
        print(next(iter(provider._processes.values()))._child.pid, flush=True)
        os.kill(os.getpid(), 9)
    await provider.submit(order(Path({workdir!r}), "flux", prompt="for ever", deadline_s=60.0), killed)
asyncio.run(main())
"""


def test_a_killed_service_leaves_no_process_behind(models: Path, tmp_path: Path) -> None:
    script = ABANDONED.format(models=str(models), workdir=str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(STAND_IN), *filter(None, sys.path)])}
    command = [sys.executable, "-c", script]

    # The model's process holds the other end of this pipe of errors: as long as it lives, `run` does not return.
    gone = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=LONG_S)

    assert gone.returncode == -signal.SIGKILL
    assert int(gone.stdout) > 0
