import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.providers._http.errors import TooLarge, UnreadableJson
from limner.providers._http.reading.json_spool import JsonSpool

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


class Memory:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.files: list[bytearray] = []

    def end(self) -> None:
        """Nothing more comes of the file that was begun last."""

    def begin(self) -> str:
        self.files.append(bytearray())
        return str(len(self.files) - 1)

    def write(self, data: bytes) -> None:
        self.files[-1] += data


def spooled(data: bytes, cuts: list[int] | None = None, **limits: int) -> tuple[bytes, list[bytes]]:
    sink = Memory()
    spool = JsonSpool(sink, **limits)
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    for start, end in pairwise(borders):
        spool.feed(data[start:end])
    return bytes(spool.rest), [bytes(file) for file in sink.files]


@st.composite
def with_pictures(draw: st.DrawFn) -> tuple[Any, Any, list[bytes]]:
    """A JSON value with base64 in it, the same with marks in their place, and the files in order."""
    files: list[bytes] = []

    def grow(depth: int) -> tuple[Any, Any]:
        kind = draw(st.sampled_from(["file", "value", "list", "dict"] if depth else ["file", "value"]))
        if kind == "file":
            data = draw(st.binary(min_size=50, max_size=200))
            encode = draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
            text = encode(data).decode().rstrip(draw(st.sampled_from(["", "="])) or None)
            files.append(data)
            return text, {"$file": str(len(files) - 1)}
        if kind == "value":
            value = draw(st.integers() | st.text(max_size=20) | st.text(alphabet='"\\/{}[]:é€😀', max_size=90))
            return value, value
        grown = [grow(depth - 1) for _ in range(draw(st.integers(0, 3)))]
        if kind == "list":
            return [one for one, _ in grown], [two for _, two in grown]
        keys = draw(st.lists(st.text(max_size=90), min_size=len(grown), max_size=len(grown), unique=True))
        return dict(zip(keys, (one for one, _ in grown), strict=True)), dict(
            zip(keys, (two for _, two in grown), strict=True)
        )

    value, marked = grow(3)
    return value, marked, files


def encoded(value: Any, *, ascii_only: bool, slashes: bool) -> bytes:
    text = json.dumps(value, ensure_ascii=ascii_only)
    return (text.replace("/", "\\/") if slashes else text).encode("utf-8", "surrogatepass")


@given(value=VALUES, cuts=st.lists(st.integers(0, 10_000), max_size=8), ascii_only=st.booleans(), slashes=st.booleans())
def test_json_without_pictures_passes_unchanged(
    value: Any, cuts: list[int], *, ascii_only: bool, slashes: bool
) -> None:
    data = encoded(value, ascii_only=ascii_only, slashes=slashes)

    rest, files = spooled(data, cuts)

    assert rest == data
    assert files == []


@given(VALUES, st.integers(1, 9))
def test_no_cut_is_noticed(value: Any, step: int) -> None:
    data = encoded(value, ascii_only=True, slashes=True)

    assert spooled(data, list(range(0, len(data), step)))[0] == data


@given(
    made=with_pictures(),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
    ascii_only=st.booleans(),
    slashes=st.booleans(),
)
def test_pictures_leave_the_json_in_order(
    made: tuple[Any, Any, list[bytes]], cuts: list[int], *, ascii_only: bool, slashes: bool
) -> None:
    value, marked, files = made

    rest, found = spooled(encoded(value, ascii_only=ascii_only, slashes=slashes), cuts, long_text=60)

    assert json.loads(rest) == marked
    assert found == files


@given(with_pictures())
def test_every_byte_may_come_alone(made: tuple[Any, Any, list[bytes]]) -> None:
    value, marked, files = made
    data = encoded(value, ascii_only=True, slashes=True)

    rest, found = spooled(data, list(range(len(data))), long_text=60)

    assert json.loads(rest) == marked
    assert found == files


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_what_is_no_json_passes_unchanged_or_is_refused(data: bytes, cuts: list[int]) -> None:
    rest, files = spooled(data, cuts)

    # A string or an escape that never ends is not given back: there is nothing to parse.
    assert data.startswith(rest)
    assert files == []


@pytest.mark.parametrize("size", [8, 9, 10, 600, 5000])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_picture_is_known_by_how_it_begins(size: int, encode: Any) -> None:
    for head in (PNG[:8], b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xdb", b"RIFF\x10\x00\x00\x00WEBPVP8L", b"GIF89a"):
        data = head + bytes(range(200, 240)) + bytes(size)
        text = encode(data).decode()

        rest, files = spooled(json.dumps({"b64_json": text}).encode())

        assert json.loads(rest) == {"b64_json": {"$file": "0"}}
        assert files == [data]


@given(
    words=st.text(max_size=60),
    picture=st.binary(min_size=40, max_size=900),
    tail=st.text(max_size=60),
    cuts=st.lists(st.integers(0, 1_000), max_size=8),
    ascii_only=st.booleans(),
)
def test_an_image_in_a_markdown_text_leaves_without_the_words(
    words: str, picture: bytes, tail: str, cuts: list[int], *, ascii_only: bool
) -> None:
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    text = {"content": f"{words.replace('![', '')}![a fox]({url}){tail}", "role": "assistant"}

    rest, files = spooled(
        encoded(text, ascii_only=ascii_only, slashes=False), cuts, long_text=800
    )  # words take 720 bytes at most

    assert json.loads(rest) == {"content": {"$file": "0"}, "role": "assistant"}
    assert files == [picture]


@pytest.mark.parametrize(
    "link", ["{url}", "<{url}>", '{url} "a title"', " {url}"], ids=["plain", "brackets", "title", "blank"]
)
def test_an_image_in_a_markdown_text_is_taken_in_each_spelling(link: str) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"

    rest, files = spooled(json.dumps({"text": f"Done.\n\n![]({link.format(url=url)}) – enjoy"}).encode())

    assert json.loads(rest) == {"text": {"$file": "0"}}
    assert files == [PNG]


@pytest.mark.parametrize(
    "words", ["![a](data:image/png;base64,…)", "![a](data:image/svg+xml,<svg/>)", "![a](", "![" * 20]
)
def test_a_markdown_text_without_such_an_image_stays(words: str) -> None:
    data = json.dumps({"text": words * 50}).encode()

    assert spooled(data) == (data, [])


@pytest.mark.parametrize("size", [40, 600, 5000])
@pytest.mark.parametrize("slashes", [False, True])
@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "DATA:image/svg+xml;charset=utf-8;base64,"])
def test_the_base64_of_a_data_url_leaves_the_json(size: int, prefix: str, *, slashes: bool) -> None:
    data = PNG[:8] + bytes(range(256))[:40] + bytes(size)
    text = encoded({"b64_json": prefix + base64.b64encode(data).decode()}, ascii_only=True, slashes=slashes)

    rest, files = spooled(text)

    assert json.loads(rest) == {"b64_json": {"$file": "0"}}
    assert files == [data]


def test_a_data_url_that_is_no_base64_stays() -> None:
    text = encoded({"url": "data:image/svg+xml;utf8,<svg>" + "é" * 5000}, ascii_only=True, slashes=False)

    assert spooled(text) == (text, [])


@pytest.mark.parametrize(
    "text", ["iVBORw0KGgo", "UklGR and some words that are no base64, though they begin like it", "R0lGOD" + "é" * 60]
)
def test_a_text_that_only_begins_like_a_picture_stays(text: str) -> None:
    assert spooled(encoded(text, ascii_only=False, slashes=False))[0] == encoded(text, ascii_only=False, slashes=False)


def test_a_key_is_never_a_picture() -> None:
    key = base64.b64encode(PNG * 4).decode()
    data = json.dumps({key: [{key: key}]}).encode()

    rest, files = spooled(data)

    assert json.loads(rest) == {key: [{key: {"$file": "0"}}]}
    assert files == [PNG * 4]


def test_blanks_do_not_make_a_value_a_key() -> None:
    data = b'{"a" :' + b" \n" * 300 + b'"' + base64.b64encode(PNG) + b'"}'

    assert json.loads(spooled(data, list(range(len(data))))[0]) == {"a": {"$file": "0"}}


def test_escapes_and_line_breaks_are_part_of_base64() -> None:
    text = base64.encodebytes(bytes(range(256)) * 40).decode().replace("/", "\\/").replace("+", "\\u002B")
    body = text.replace("\n", "\\r\\n").replace("=", "\\u003d")

    for step in (1, 2, 3, 5, 7, 1000):
        rest, files = spooled(f'["{body}"]'.encode(), list(range(0, len(body), step)))

        assert json.loads(rest) == [{"$file": "0"}]
        assert files == [bytes(range(256)) * 40]


def test_an_event_stream_passes_and_its_pictures_leave() -> None:
    picture = base64.b64encode(PNG).decode()
    data = f': hello\nevent: done\ndata: {{"type":"done","b64_json":"{picture}"}}\n\ndata: [DONE]\n\n'.encode()

    rest, files = spooled(data)

    assert rest == b': hello\nevent: done\ndata: {"type":"done","b64_json":{"$file": "0"}}\n\ndata: [DONE]\n\n'
    assert files == [PNG]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A" * 5001, "cut off"),
        ("A" * 5000 + " and words", "is none"),
        ("A" * 5000 + "é", "is none"),
        ("A" * 5000 + '\\"AAA', "is none"),
        ("A" * 4999 + "=AAAA", "after its end"),
        ("A" * 5000 + "====", "cut off"),
    ],
)
def test_damaged_base64_is_refused(text: str, words: str) -> None:
    with pytest.raises(UnreadableJson, match=words):
        spooled(f'"{text}"'.encode(), [4500, 4990])


def test_a_long_text_stays_a_text() -> None:
    data = json.dumps(["word " * 2000, "é" * 9000]).encode()

    assert spooled(data, [17, 4097, 9000, 12_000]) == (data, [])


def test_pictures_are_capped_together() -> None:
    data = json.dumps([base64.b64encode(PNG * 4).decode()] * 2).encode()

    assert len(spooled(data, file_bytes=len(PNG) * 8)[1]) == 2
    with pytest.raises(TooLarge, match="more picture bytes"):
        spooled(data, file_bytes=len(PNG) * 8 - 1)


@pytest.mark.parametrize("data", [b'{"a": "' + b"x y" * 4000, b"[" * 9000, b" " * 9000])
def test_the_rest_is_capped_however_it_comes(data: bytes) -> None:
    with pytest.raises(TooLarge, match="besides pictures"):
        spooled(data, list(range(0, len(data), 100)), text_bytes=8000)
