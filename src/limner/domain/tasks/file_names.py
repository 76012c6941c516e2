"""File names of pictures for people: what was asked for, and the task's id."""

import re
from collections.abc import Mapping

from limner.domain.tasks.task import Task

_SEPARATORS = re.compile(r"[\W_]+")
_LONGEST = 60


def picture_files(task: Task) -> Mapping[str, str]:
    """A file name for each picture of a task, by the picture's name. Safe on every system."""
    words = _SEPARATORS.sub("-", str(task.echo.get("prompt") or task.template or task.type)).strip("-")[:_LONGEST]
    pictures = task.result.pictures() if task.result else {}
    return {
        name: f"{words.strip('-') or 'picture'}-{task.id}{_suffix(name, len(pictures))}.{picture.extension}"
        for name, picture in pictures.items()
    }


def _suffix(name: str, pictures: int) -> str:
    return f"-{name.removesuffix('_view').removeprefix('generated_')}" if pictures > 1 else ""
