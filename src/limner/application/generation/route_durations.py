"""How long the routes' pictures take, as this process last read it."""

from limner.db.records import Records
from limner.domain.tasks.progress import expected_ms

SAMPLES = 7
"""A route's expected duration is the median of this many recent ones: few, so that it follows a vendor's speed."""

READ_AGAIN_MS = 2_000


class RouteDurations:
    """Remembers durations for a while: each attempt needs its route's, and they change slowly."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}

    def expected_ms(self, records: Records, route: str, now_ms: int) -> int:
        """The expected duration of the route's next picture."""
        if (known := self._known.get(route)) and 0 <= now_ms - known[0] < READ_AGAIN_MS:
            return known[1]
        durations = records.attempts.recent_durations_ms(route, SAMPLES)
        expected = expected_ms(durations)
        if durations:  # the first ones count at once
            self._known[route] = now_ms, expected
        return expected
