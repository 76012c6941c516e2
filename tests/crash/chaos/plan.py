"""What a run consists of: how much, how fast, and how bad the vendors are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

NAMES = ("bfl", "openai", "gemini", "midjourney", "fal", "replicate")

MODELS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "flux.1_kontext_pro": (("bfl", "flux-kontext-pro"), ("fal", "fal-ai/flux-pro/kontext")),
    "flux.1_dev": (("fal", "fal-ai/flux/dev"), ("replicate", "black-forest-labs/flux-dev")),
    "gpt_4o": (("replicate", "black-forest-labs/flux-kontext-pro"), ("openai", "gpt-image-2")),
    "gpt_image_2": (("openai", "gpt-image-2"),),
    "gemini_3.1_flash_image_preview": (("gemini", "gemini-3.1-flash-image"),),
    "midjourney": (("midjourney", "midjourney"),),
}
"""The models that are asked for, and the ways to each: half of them have another way when the first one is down."""

WITH_PICTURES = ("flux.1_kontext_pro", "gpt_image_2", "gemini_3.1_flash_image_preview")

JOBS = frozenset({"bfl", "midjourney", "fal", "replicate"})
"""The vendors who answer an order with a handle."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`faults` is the share of orders that something goes wrong with; questions and downloads fail half as often.

    `server_works` says that the server runs tasks, too; `workers` are processes beside it. `patience_s` bounds the
    whole run.
    """

    tasks: int
    seed: int
    faults: float = 0.1
    clients: int = 64
    server_works: bool = False
    workers: int = 2
    pace_s: float = 0.2
    patience_s: float = 3600.0

    def settings(self, receiver: str) -> dict[str, str]:
        """The environment of Limner's processes; `receiver` is where its webhooks may go."""
        routes = [
            {"model": model, "provider": vendor, "upstream": upstream, "deadline_s": 30}
            for model, ways in MODELS.items()
            for vendor, upstream in ways
        ]
        patience = {f"LIMNER_PROVIDER__{vendor.upper()}__OPTIONS": json.dumps({"poll_s": 0.2}) for vendor in JOBS}
        return patience | {
            "LIMNER_ROUTE": json.dumps(routes),
            "LIMNER_ENGINE": "sandbox",
            "LIMNER_ACCOUNT_TASKS": "1000000",
            "LIMNER_FETCH_ALLOW": receiver,
            "LIMNER_LOG_FORMAT": "json",
            "LIMNER_LOG_LEVEL": "warning",
        }
