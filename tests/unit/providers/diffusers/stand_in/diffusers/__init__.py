"""A stand-in for diffusers: pipelines with the real ones' manners that draw a plain picture at once.

What a pipeline is called with is added to `calls.jsonl` in its folder, what it is loaded with to `loads.jsonl`. A
folder with a file `trouble` is hard to load, and some prompts bring trouble of their own. `tests/tiny_models` compares
the signatures with those of the real library.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from PIL import Image


def _out_of_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 24.00 GiB")


def _not_a_package() -> None:
    raise ModuleNotFoundError("No module named 'transformers'", name="transformers")


def _cut_short() -> None:
    raise OSError("Error no file named diffusion_pytorch_model.safetensors found in directory /srv/models/secret")


TROUBLE: dict[str, Callable[[], object]] = {
    "out of memory": _out_of_memory,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crash": lambda: os.kill(os.getpid(), signal.SIGABRT),
    "package missing": _not_a_package,
    "cut short": _cut_short,
    "bug": lambda: {}["latents"],
    "hang": lambda: time.sleep(3600),
}


class _Pipeline:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def from_pretrained(cls, folder: str, *, dtype: Any, local_files_only: bool, use_safetensors: bool) -> "_Pipeline":
        asked = {"dtype": dtype, "local_files_only": local_files_only, "use_safetensors": use_safetensors}
        _note(Path(folder) / "loads.jsonl", {**asked, "offline": os.environ.get("HF_HUB_OFFLINE"), "pid": os.getpid()})
        trouble = Path(folder) / "trouble"
        if trouble.exists():
            TROUBLE[trouble.read_text()]()
        return cls(Path(folder))

    def set_progress_bar_config(self, *, disable: bool) -> None:
        print("a library that prints")  # noqa: T201 - where the answers must not go
        assert disable

    def to(self, device: str) -> None:
        assert device == "cpu"

    def _draw(self, call: dict[str, Any], references: list[Image.Image]) -> SimpleNamespace:
        on_step, steps = call.pop("callback_on_step_end"), call["num_inference_steps"]
        seed = call.pop("generator").seed
        reported = {name: value for name, value in call.items() if name not in {"self", "image"} and value is not None}
        _note(
            self.folder / "calls.jsonl", {**reported, "seed": seed, "images": [list(each.size) for each in references]}
        )
        if call["prompt"] == "for ever":
            while True:
                on_step(self, 0, 1.0, {})
        for step in range(steps):
            on_step(self, step, 1.0, {"latents": None})
            TROUBLE.get(call["prompt"], int)()
        picture = Image.new("RGB", (call["width"], call["height"]), "black")
        if call["prompt"] != "overflow":
            picture.putpixel((0, 0), (255, seed // 256 % 256, seed % 256))
        return SimpleNamespace(images=[picture])


class FluxPipeline(_Pipeline):
    def __call__(
        self,
        *,
        prompt: str,
        height: int,
        width: int,
        num_inference_steps: int,
        guidance_scale: float,
        generator: torch.Generator,
        callback_on_step_end: Callable[..., Any],
        max_sequence_length: int,
    ) -> SimpleNamespace:
        return self._draw(dict(locals()), [])


class FluxKontextPipeline(_Pipeline):
    def __call__(
        self,
        *,
        prompt: str,
        height: int,
        width: int,
        num_inference_steps: int,
        guidance_scale: float,
        generator: torch.Generator,
        callback_on_step_end: Callable[..., Any],
        max_sequence_length: int,
        image: Image.Image | None = None,
        max_area: int = 1024**2,
        _auto_resize: bool = True,
    ) -> SimpleNamespace:
        return self._draw(dict(locals()), [image] if image else [])


class Flux2KleinPipeline(_Pipeline):
    def __call__(
        self,
        *,
        prompt: str,
        height: int,
        width: int,
        num_inference_steps: int,
        guidance_scale: float,
        generator: torch.Generator,
        callback_on_step_end: Callable[..., Any],
        max_sequence_length: int,
        image: list[Image.Image] | None = None,
    ) -> SimpleNamespace:
        return self._draw(dict(locals()), image or [])


def _note(path: Path, line: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
