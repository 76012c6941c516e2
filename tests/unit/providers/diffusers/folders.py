"""Model folders without weights: all that is looked at before a model is loaded."""

import json
from pathlib import Path
from typing import Any

PARTS = ("scheduler", "text_encoder", "tokenizer", "transformer", "vae")


def model_folder(
    folder: Path, pipeline: str = "FluxPipeline", *, guidance_embeds: bool = True, trouble: str = "", **index: Any
) -> Path:
    """A folder in the layout of diffusers. `trouble` is what its loading runs into."""
    for part in PARTS:
        (folder / part).mkdir(parents=True)
    parts = {part: ["library", "Class"] for part in PARTS}
    reported = {
        "_class_name": pipeline,
        "_diffusers_version": "0.42.1",
        "image_encoder": [None, None],
        **parts,
        **index,
    }
    (folder / "model_index.json").write_text(json.dumps(reported))
    (folder / "transformer" / "config.json").write_text(json.dumps({"guidance_embeds": guidance_embeds}))
    if trouble:
        (folder / "trouble").write_text(trouble)
    return folder


def noted(folder: Path, what: str) -> list[dict[str, Any]]:
    """What the stand-in for diffusers wrote down: its `loads` or its `calls`."""
    path = folder / f"{what}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
