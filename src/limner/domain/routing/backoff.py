"""Backoff with full jitter: the wait before a retry."""


def full_jitter_s(attempt: int, chance: float, *, base_s: float = 0.5, cap_s: float = 30.0) -> float:
    """A wait between 0 and `base_s · 2^attempt` seconds, at most `cap_s`; `chance` is a random number from 0 to 1.

    Full jitter spreads clients that failed at the same moment better than a fixed delay with added noise.
    """
    return chance * min(cap_s, base_s * 2.0**attempt)
