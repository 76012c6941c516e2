"""Reading a request with mistakes, for a quote that tells all of them and not the first alone."""

import json
from collections.abc import Callable
from typing import Any

from limner.api.http.bodies.json_body import read_object
from limner.domain.refusal import Code, Problems, Refusal
from limner.domain.tasks.request import ImageRequest

MOST_PROBLEMS = 40
"""Further ones are not looked for."""

_PICTURES = {"file", "files", "input", "inputs", "style_image", "mask"}
_STAND_IN = {"data": ""}
"""A picture that is not looked at."""


def read_leniently(read: Callable[[bytes], ImageRequest], body: bytes, problems: Problems) -> ImageRequest | None:
    """The request without the fields that are wrong, which become problems; None where too little is left.

    Raises `Refusal` 1003 for a body that is no JSON object.
    """
    try:
        return read(body)
    except Refusal as refusal:
        if refusal.code is Code.MALFORMED:
            raise
    sent = read_object(body)
    for _ in range(MOST_PROBLEMS):
        try:
            return read(json.dumps(sent).encode())
        except Refusal as refusal:
            problems.found.append(refusal)
            if not _without(sent, refusal.field or ""):
                return None
    return None


def _without(sent: dict[str, Any], path: str) -> bool:
    """Take out what is wrong: a picture has a stand-in, so that the others keep their numbers. False without it."""
    field, _, index = path.partition(".")[0].removesuffix("]").partition("[")
    if field not in sent:
        if field != "prompt":
            return False
        sent[field] = ""
    elif field in _PICTURES and index.isdigit() and isinstance(sent[field], list):
        sent[field][int(index)] = _STAND_IN
    elif field in _PICTURES and sent[field] != _STAND_IN and not isinstance(sent[field], list):
        sent[field] = _STAND_IN
    else:
        del sent[field]
    return True
