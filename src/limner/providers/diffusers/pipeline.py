"""A pipeline of diffusers, loaded from its folder and put on its device. Runs in the model's own process alone."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from PIL import Image

from limner.providers.diffusers import job_lines

StepDone = Callable[[int], None]
"""Called with the number of steps that are done; raises `GivenUp` to end the work."""

_WHITE: Final = "white"


class GivenUp(Exception):
    """Nobody waits for the picture any more."""


class Unfit(Exception):
    """What was wished of the model does not go together with this machine."""


class Pipeline:
    """A model in memory. `device` and `dtype` are what was chosen."""

    def __init__(self, model: job_lines.PipelineModel) -> None:
        self._torch = import_module("torch")
        library = import_module("diffusers")
        import_module("diffusers.utils.logging").disable_progress_bar()  # a log is no terminal
        self.device = chosen_device(self._torch, model.device)
        self.dtype = chosen_dtype(self._torch, model.dtype, self.device)
        self._pipe = getattr(library, model.pipeline).from_pretrained(
            model.folder,
            dtype=getattr(self._torch, self.dtype),
            local_files_only=True,
            use_safetensors=True,  # a pickle runs code when it is loaded
        )
        self._pipe.set_progress_bar_config(disable=True)
        _settle(self._pipe, model.offload, self.device)

    def draw(self, job: job_lines.PipelineJob, step_done: StepDone) -> Image.Image:
        """The picture of one job. The noise is made on the CPU, so that a seed means the same on every device."""

        def on_step_end(_pipe: Any, step: int, _moment: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            step_done(step + 1)
            return tensors

        pictures = [opened(path) for path in job.references]
        answer = self._pipe(
            **arguments(job, pictures),
            generator=self._torch.Generator("cpu").manual_seed(job.seed),
            callback_on_step_end=on_step_end,
        )
        picture: Image.Image = answer.images[0]
        return picture


def chosen_device(torch: Any, wished: str) -> str:
    has = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if wished == "auto":
        return next((kind for kind, is_there in has.items() if is_there()), "cpu")
    kind = wished.partition(":")[0]
    if kind in has and not has[kind]():
        raise Unfit(f"torch finds no {kind} device here, and the route wishes {wished}")
    return wished


def chosen_dtype(torch: Any, wished: str, device: str) -> str:
    if wished != "auto":
        return wished
    # A card that only emulates bfloat16 is slower with it than with float16.
    native = not device.startswith("cuda") or torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if native else "float16"


def _settle(pipe: Any, offload: str, device: str) -> None:
    """Put the pipeline on its device, whole, or only that part of it which works."""
    if offload != "none" and device == "cpu":
        raise Unfit(f"offload = {offload!r} moves a model between a card and the CPU, and there is no card")
    match offload:
        case "model":
            pipe.enable_model_cpu_offload(device=device)
        case "sequential":
            pipe.enable_sequential_cpu_offload(device=device)
        case _:
            pipe.to(device)


def arguments(job: job_lines.PipelineJob, pictures: Sequence[Image.Image]) -> dict[str, Any]:
    """What the pipeline of a job is called with."""
    common = {
        "prompt": job.prompt,
        "width": job.width,
        "height": job.height,
        "num_inference_steps": job.steps,
        "guidance_scale": job.guidance,
        "max_sequence_length": job.max_sequence_length,
    }
    match job.model.pipeline:
        case "FluxKontextPipeline":
            # Left to itself it draws a megapixel whatever was asked, and squeezes a row into a shape it was trained on.
            fixed = {"max_area": job.width * job.height, "_auto_resize": False}
            return common | fixed | ({"image": side_by_side(pictures, job.canvas)} if job.canvas else {})
        case "Flux2KleinPipeline":
            return common | ({"image": list(pictures)} if pictures else {})
        case _:
            return common


# --- reference pictures -------------------------------------------------------------------------------------------


def opened(path: str) -> Image.Image:
    """The picture at `path` in three channels; what was transparent is white."""
    with Image.open(path) as file:
        picture = file.convert("RGBA")
    ground = Image.new("RGBA", picture.size, _WHITE)
    return Image.alpha_composite(ground, picture).convert("RGB")


def side_by_side(pictures: Sequence[Image.Image], size: tuple[int, int]) -> Image.Image:
    """One picture of `size` with all of them in a row, equally high."""
    width, height = size
    shares = [picture.width / picture.height for picture in pictures]
    row, edge = Image.new("RGB", size, _WHITE), 0.0
    for picture, share in zip(pictures, shares, strict=True):
        left, edge = edge, edge + share * width / sum(shares)
        row.paste(
            picture.resize((max(1, round(edge) - round(left)), height), Image.Resampling.LANCZOS), (round(left), 0)
        )
    return row


def is_blank(picture: Image.Image) -> bool:
    """Whether all pixels are one colour: what remains of numbers that overflowed is black."""
    return all(low == high for low, high in picture.convert("RGB").getextrema())  # type: ignore[misc]
