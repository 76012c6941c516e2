"""Limits of downloads."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Total and idle timeouts in seconds, number of redirects, and size."""

    total_s: float = 20.0
    idle_s: float = 10.0
    redirects: int = 3
    max_bytes: int = 20 * 1024 * 1024
