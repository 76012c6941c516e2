"""A task as the server shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENDED = frozenset({"success", "failed", "banned", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class PictureTask:
    """A task. `pictures` are links that work for a day, `credits` what was charged, `raw` all that the server says.

    `status` is `queued`, `running`, `success`, `failed`, `banned`, `expired` or `cancelled`; `progress` is 0 to 100.
    """

    id: str
    status: str
    progress: int
    pictures: tuple[str, ...]
    credits: int
    error_code: int | None
    error: str | None
    raw: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def model(self) -> str | None:
        """The model that makes the picture, which the server may have chosen."""
        found: str | None = (self.raw.get("input") or {}).get("model_version")
        return found

    @property
    def seconds_left(self) -> int | None:
        """An estimate while the task runs."""
        left = self.raw.get("running_left_time", -1)
        return left if isinstance(left, int) and left >= 0 else None


def task_of(raw: Mapping[str, Any]) -> PictureTask:
    return PictureTask(
        id=str(raw["task_id"]),
        status=str(raw.get("status", "queued")),
        progress=int(raw.get("progress", 0)),
        pictures=_pictures(raw.get("output") or {}),
        credits=int(raw.get("consumed_credit") or 0),
        error_code=raw.get("error_code"),
        error=raw.get("error_msg"),
        raw=raw,
    )


def _pictures(output: Mapping[str, Any]) -> tuple[str, ...]:
    """One link, several, or the views of a subject."""
    if several := output.get("generated_images"):
        return tuple(several)
    if one := output.get("generated_image"):
        return (one,)
    return tuple(link for views in output.values() if isinstance(views, Mapping) for link in views.values() if link)
