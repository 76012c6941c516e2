"""How long to wait before another try."""


def full_jitter_s(attempt: int, chance: float, *, base_s: float = 0.5, cap_s: float = 30.0) -> float:
    """A wait between 0 and `base · 2^attempt` seconds, capped; `chance` is a number from 0 to 1 handed in.

    Full jitter spreads a crowd that failed together better than any fixed share of it.
    """
    return chance * min(cap_s, base_s * 2.0**attempt)
