"""The parameters of a chaos run."""

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
"""The requested models and their routes; half of them have a second route."""

WITH_PICTURES = ("flux.1_kontext_pro", "gpt_image_2", "gemini_3.1_flash_image_preview")

JOBS = frozenset({"bfl", "midjourney", "fal", "replicate"})
"""The vendors that answer an order with a handle."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`faults` is the share of orders with a fault; polls and downloads fail half as often.

    `server_works` says that the server runs tasks too; `workers` is the number of worker processes. `timeout_s` bounds
    the whole run.
    """

    tasks: int
    seed: int
    faults: float = 0.1
    clients: int = 64
    server_works: bool = False
    workers: int = 2
    pace_s: float = 0.2
    timeout_s: float = 3600.0

    def settings(self, receiver: str) -> dict[str, str]:
        """The environment of Limner's processes; webhooks may be sent to `receiver` (host:port)."""
        routes = [
            {"model": model, "provider": vendor, "upstream": upstream, "deadline_s": 30}
            for model, targets in MODELS.items()
            for vendor, upstream in targets
        ]
        poll_options = {f"LIMNER_PROVIDER__{vendor.upper()}__OPTIONS": json.dumps({"poll_s": 0.2}) for vendor in JOBS}
        return poll_options | {
            "LIMNER_ROUTE": json.dumps(routes),
            "LIMNER_ENGINE": "sandbox",
            "LIMNER_ACCOUNT_TASKS": "1000000",
            "LIMNER_FETCH_ALLOW": receiver,
            "LIMNER_LOG_FORMAT": "json",
            "LIMNER_LOG_LEVEL": "warning",
        }
