"""Server-sent events of a response (WHATWG, "server-sent events"), whole or as they arrive."""

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeAlias

from limner.providers._http.reading.response_pictures import Pictures

OnEvent: TypeAlias = Callable[[Any], Awaitable[None]]
"""Takes the data of one event."""

_END_OF_EVENT: Final = re.compile(rb"\r?\n\r?\n|\r\r")


class EventReader:
    """Finds the events that have ended in a text that grows. What it returned once it does not return again."""

    def __init__(self) -> None:
        self._read = 0

    def take(self, text: bytearray, pictures: Pictures) -> list[Any]:
        """The data of those that have ended since, in order."""
        ends = [found.end() for found in _END_OF_EVENT.finditer(text, self._read)]
        if not ends:
            return []
        new, self._read = bytes(text[self._read : ends[-1]]), ends[-1]
        return events_in(new.decode(errors="replace"), pictures)


def events_in(text: str, pictures: Pictures) -> list[Any]:
    """The data of each event, in order; what is no JSON is left out."""
    return [event for data in _data_of(text) if (event := json_in(data, pictures)) is not None]


def json_in(text: str, pictures: Pictures) -> Any:
    """The JSON in `text`, None when it is none. References to pictures that did not come with it are dropped."""

    def own(value: dict[str, Any]) -> dict[str, Any] | None:
        if "$file" not in value:
            return value
        found = pictures.get(str(value["$file"])) if len(value) == 1 else None
        return None if found is None else {"$file": found}

    try:
        return json.loads(text, object_hook=own)
    except (ValueError, RecursionError):
        return None


def _data_of(text: str) -> Iterator[str]:
    for block in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        data = "\n".join(line[5:].strip() for line in block.split("\n") if line.startswith("data:"))
        if data and data != "[DONE]":
            yield data
