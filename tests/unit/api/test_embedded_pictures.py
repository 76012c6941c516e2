"""JSON with pictures in base64, sent at once or in pieces."""

import base64
import json
import os
from collections.abc import AsyncIterator

import pytest
from starlette.responses import StreamingResponse

from limner.api.embedded_pictures import PICTURE, SMALL_ANSWER, json_response
from limner.application.images.open_picture import OpenedPicture
from limner.domain.ids import BlobId
from limner.domain.tasks.task import Result
from limner.marking.layout import Layout, MarkState

PIECE = 100_000


class Bytes:
    """A store of pictures that gives them in pieces."""

    def __init__(self, *pictures: bytes) -> None:
        self._pictures = {BlobId(str(number)): data for number, data in enumerate(pictures)}

    async def stream(self, blob: BlobId, start: int, end: int) -> AsyncIterator[bytes]:
        for at in range(start, end, PIECE):
            yield self._pictures[blob][at : min(at + PIECE, end)]

    def opened(self) -> list[OpenedPicture]:
        return [
            OpenedPicture(Result(blob, "image/png", "png", 1, 1), Layout(len(data), MarkState.NONE), self)  # type: ignore[arg-type]
            for blob, data in self._pictures.items()
        ]


@pytest.mark.parametrize("size", [0, 1, 1000, SMALL_ANSWER, 3 * SMALL_ANSWER + 1])
async def test_each_place_holds_its_picture_and_the_length_is_told(size: int) -> None:
    pictures = [os.urandom(size), b"second"]
    document = {"data": [{"b64_json": PICTURE}, {"b64_json": PICTURE}], "created": 7}

    response = await json_response(document, Bytes(*pictures).opened(), {"x-task": "t"})

    streamed = isinstance(response, StreamingResponse)
    body = b"".join([piece async for piece in response.body_iterator]) if streamed else response.body  # type: ignore[misc]
    assert streamed is (size >= SMALL_ANSWER)
    assert [base64.b64decode(each["b64_json"]) for each in json.loads(body)["data"]] == pictures
    assert (response.headers["content-length"], response.headers["x-task"]) == (str(len(body)), "t")
    assert response.headers["content-type"] == "application/json"
