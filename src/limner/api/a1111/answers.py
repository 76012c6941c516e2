"""What AUTOMATIC1111's calls answer: lists of what can be chosen, progress, and the words beside pictures."""

import json
from collections.abc import Iterable
from typing import Any

from limner.api.a1111.wire import DrawBody
from limner.domain.tasks.task import Status, Task

AUTOMATIC = "Automatic"

SAMPLERS = [{"name": AUTOMATIC, "aliases": [], "options": {}}]
SCHEDULERS = [
    {"name": "automatic", "label": AUTOMATIC, "aliases": None, "default_rho": -1.0, "need_inner_model": False}
]
UPSCALERS = [{"name": "None", "model_name": None, "model_path": None, "model_url": None, "scale": 4.0}]
"""Apps expect the first to be called so."""


def models(names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name, "config": None}
        for name in names
    ]


def options(checkpoint: str) -> dict[str, Any]:
    return {"sd_model_checkpoint": checkpoint, "sd_vae": AUTOMATIC, "CLIP_stop_at_last_layers": 1}


def progress(tasks: Iterable[tuple[Task, int]]) -> dict[str, Any]:
    """The progress of a key's unfinished tasks with their percentages: that of the one that began first."""
    unfinished = list(tasks)
    current, percent = unfinished[-1] if unfinished else (None, 0)
    state = {
        "skipped": False,
        "interrupted": bool(current and current.cancel_requested),
        "stopping_generation": False,
        "job": current.id if current else "",
        "job_count": len(unfinished),
        "job_timestamp": "0",
        "job_no": 0,
        "sampling_step": percent,
        "sampling_steps": 100 if current else 0,
    }
    waiting = current is not None and current.status is Status.QUEUED
    return {
        "progress": 0.01 if waiting else percent / 100,
        "eta_relative": 0.0,
        "state": state,
        "current_image": None,
        "textinfo": "waiting in the queue" if waiting else None,
    }


def parameters(body: DrawBody) -> dict[str, Any]:
    """What was asked for, less the pictures."""
    return body.model_dump(exclude={"init_images", "mask"})


def info(body: DrawBody, task: Task) -> str:
    """The words beside the pictures, as JSON in a text. The seed is -1 where the model chose one."""
    made = list(task.result.pictures().values()) if task.result else []
    seed = -1 if body.seed_used is None else body.seed_used
    seeds = [seed if seed < 0 else seed + place for place in range(len(made))]
    sides = [(each.width, each.height) for each in made] or [(body.width, body.height)]
    described = {
        "prompt": body.prompt,
        "all_prompts": [body.prompt] * len(made),
        "negative_prompt": body.negative_prompt,
        "all_negative_prompts": [body.negative_prompt] * len(made),
        "seed": seed,
        "all_seeds": seeds,
        "width": sides[0][0],
        "height": sides[0][1],
        "sampler_name": body.sampler_name or AUTOMATIC,
        "cfg_scale": body.cfg_scale,
        "steps": body.steps,
        "batch_size": body.batch_size,
        "sd_model_name": task.model,
        "sd_model_hash": None,
        "index_of_first_image": 0,
        "infotexts": [_infotext(body, task.model, each, size) for each, size in zip(seeds, sides, strict=False)],
    }
    return json.dumps(described, ensure_ascii=False)


def _infotext(body: DrawBody, model: str, seed: int, size: tuple[int, int]) -> str:
    avoided = f"\nNegative prompt: {body.negative_prompt}" if body.negative_prompt else ""
    return f"{body.prompt}{avoided}\nSeed: {seed}, Size: {size[0]}x{size[1]}, Model: {model}"
