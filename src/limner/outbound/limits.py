"""How long and how large a download may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long a download may take, in seconds, how many redirects it may follow, and how many bytes it may have."""

    total_s: float = 20.0
    idle_s: float = 10.0
    redirects: int = 3
    max_bytes: int = 20 * 1024 * 1024
