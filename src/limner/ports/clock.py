"""Time and ids as arguments, so that a test never waits and never guesses."""

from typing import Protocol


class Clock(Protocol):
    """Wall time for what is kept, and a monotonic sleep for what waits."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        ...

    async def sleep(self, seconds: float) -> None: ...
