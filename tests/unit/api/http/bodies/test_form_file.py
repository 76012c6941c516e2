import io
import tracemalloc

import pytest

from limner.api.http.bodies.form_file import FormError, FormFile

TYPE = "multipart/form-data; boundary=x"
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nthe bytes\r\n'
FIELD = b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'


def read(*pieces: bytes, content_type: str = TYPE) -> bytes:
    target = io.BytesIO()
    form = FormFile(content_type, target)
    for piece in pieces:
        form.feed(piece)
    form.finish()
    return target.getvalue()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_file_is_the_same_in_pieces_of_any_size(size: int) -> None:
    body = FIELD + FILE + FIELD + b"--x--\r\n"

    assert read(*(body[at : at + size] for at in range(0, len(body), size))) == b"the bytes"


def test_fields_are_never_kept_in_memory() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\n'
    form, block = FormFile(TYPE, io.BytesIO()), bytes(64 * 1024)
    tracemalloc.start()
    for _ in range(19):
        form.feed(head)
        for _ in range(16):
            form.feed(block)
        form.feed(b"\r\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    form.feed(FILE + b"--x--\r\n")
    form.finish()
    assert peak < 512 * 1024


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (FIELD + b"--x--\r\n", "no file part named 'file'"),
        (FILE + FILE + b"--x--\r\n", "more than one file part"),
        (FIELD * 21, "more than 20 parts"),
        (FILE[:-5], "ends before its last boundary"),
        (b"no boundary", "malformed"),
        (b"", "no file part"),
    ],
)
def test_a_refused_form_has_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(FormError, match=reason):
        read(body)


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_needs_a_boundary(content_type: str) -> None:
    with pytest.raises(FormError, match="boundary"):
        read(FILE, content_type=content_type)
