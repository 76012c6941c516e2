"""The clock, passed as an argument so that tests need not wait."""

from typing import Protocol


class Clock(Protocol):
    """Wall-clock time, and sleeping."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        ...

    async def sleep(self, seconds: float) -> None: ...
