"""A diffusers pipeline, loaded from its folder onto its device. Used only in a model's child process."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from PIL import Image

from limner.providers.diffusers import job_lines

StepDone = Callable[[int], None]
"""Called after each step with the number of finished steps; raises `Abandoned` to stop."""

_WHITE: Final = "white"


class Abandoned(Exception):
    """The parent no longer waits for this picture."""


class UnusableSetup(Exception):
    """The configured options cannot be used on this machine."""


class Pipeline:
    """A model in memory. `device` and `dtype` are the ones in use, with `auto` resolved."""

    def __init__(self, model: job_lines.PipelineModel) -> None:
        self._torch = import_module("torch")
        library = import_module("diffusers")
        import_module("diffusers.utils.logging").disable_progress_bar()  # its output would go to the log
        self.device = chosen_device(self._torch, model.device)
        self.dtype = chosen_dtype(self._torch, model.dtype, self.device)
        self._pipe = getattr(library, model.pipeline).from_pretrained(
            model.folder,
            dtype=getattr(self._torch, self.dtype),
            local_files_only=True,
            use_safetensors=True,  # loading a pickle can run code
        )
        self._pipe.set_progress_bar_config(disable=True)
        _move_to_device(self._pipe, model.offload, self.device)

    def draw(self, job: job_lines.PipelineJob, step_done: StepDone) -> Image.Image:
        """Make one picture. The CPU generates the noise, so that a seed means the same on every device."""

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


def chosen_device(torch: Any, configured: str) -> str:
    has = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if configured == "auto":
        return next((kind for kind, is_there in has.items() if is_there()), "cpu")
    kind = configured.partition(":")[0]
    if kind in has and not has[kind]():
        raise UnusableSetup(f"torch finds no {kind} device here, and the route sets device {configured}")
    return configured


def chosen_dtype(torch: Any, configured: str, device: str) -> str:
    if configured != "auto":
        return configured
    # Emulated bfloat16 is slower than float16.
    native = not device.startswith("cuda") or torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if native else "float16"


def _move_to_device(pipe: Any, offload: str, device: str) -> None:
    """Move the whole pipeline to its device, or have it move each part only while that part is used."""
    if offload != "none" and device == "cpu":
        raise UnusableSetup(f"offload = {offload!r} needs a GPU, and there is none")
    match offload:
        case "model":
            pipe.enable_model_cpu_offload(device=device)
        case "sequential":
            pipe.enable_sequential_cpu_offload(device=device)
        case _:
            pipe.to(device)


def arguments(job: job_lines.PipelineJob, pictures: Sequence[Image.Image]) -> dict[str, Any]:
    """The keyword arguments of the pipeline call for a job."""
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
            # By default it always makes one megapixel and distorts a joined row to a size from its training.
            fixed = {"max_area": job.width * job.height, "_auto_resize": False}
            return common | fixed | ({"image": side_by_side(pictures, job.canvas)} if job.canvas else {})
        case "Flux2KleinPipeline":
            return common | ({"image": list(pictures)} if pictures else {})
        case _:
            return common


# --- reference pictures -------------------------------------------------------------------------------------------


def opened(path: str) -> Image.Image:
    """The picture at `path` as RGB; transparent pixels become white."""
    with Image.open(path) as file:
        picture = file.convert("RGBA")
    ground = Image.new("RGBA", picture.size, _WHITE)
    return Image.alpha_composite(ground, picture).convert("RGB")


def side_by_side(pictures: Sequence[Image.Image], size: tuple[int, int]) -> Image.Image:
    """Join pictures in one row, scaled to equal height, in a picture of `size`."""
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
    """Whether all pixels have one colour; overflowed values give black."""
    return all(low == high for low, high in picture.convert("RGB").getextrema())  # type: ignore[misc]
