import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.api.s3.documents import MAX_PART_NUMBER, NamedPart, read_parts, written
from limner.api.s3.errors import S3Error

XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def listing(*numbers: int | str, inner: str = "<ETag>&quot;e&quot;</ETag>") -> bytes:
    parts = "".join(f"<Part>{inner}<PartNumber>{number}</PartNumber></Part>" for number in numbers)
    return f"<CompleteMultipartUpload {XMLNS}>{parts}</CompleteMultipartUpload>".encode()


def refused(body: bytes) -> str:
    with pytest.raises(S3Error) as caught:
        read_parts(body)
    return caught.value.code


def test_a_list_of_parts_is_read() -> None:
    body = listing(1, 7, inner="<ETag>&quot;abc&quot;</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>")

    parts = read_parts(b'<?xml version="1.0" encoding="UTF-8"?>\n' + body)

    assert parts == [NamedPart(number, "abc", {"crc32": "AAAAAA=="}) for number in (1, 7)]


def test_a_list_without_a_name_space_is_read_too() -> None:
    assert read_parts(listing(1).replace(XMLNS.encode(), b"")) == [NamedPart(1, "e")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedXML"),
        (b"hello", "MalformedXML"),
        (b"\xff\xfe<\0a\0/\0>\0", "MalformedXML"),
        (listing(), "MalformedXML"),
        (listing(1).replace(b"CompleteMultipartUpload", b"Delete"), "MalformedXML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + listing(1), "MalformedXML"),
        (b"<a>" * 100_000, "MalformedXML"),
        (listing(2, 1), "InvalidPartOrder"),
        (listing(1, 1), "InvalidPartOrder"),
        (listing(0), "InvalidArgument"),
        (listing("one"), "InvalidArgument"),
        (listing(MAX_PART_NUMBER + 1), "InvalidArgument"),
        (listing(1, inner="<ChecksumROT13>a</ChecksumROT13>"), "InvalidRequest"),
    ],
)
def test_a_list_that_is_none_is_refused(body: bytes, code: str) -> None:
    assert refused(body) == code


@given(st.binary(max_size=300))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    assert refused(body) == "MalformedXML"


def test_deep_nesting_is_survived() -> None:
    deep = b"<a>" * 100_000 + b"</a>" * 100_000

    assert refused(deep) == "MalformedXML"


def test_a_document_escapes_what_it_is_given() -> None:
    document = written("Result", {"Key": "a<&b", "Part": [{"Size": 1}, {"Size": 2}]})

    inner = "<Key>a&lt;&amp;b</Key><Part><Size>1</Size></Part><Part><Size>2</Size></Part>"
    assert document.endswith(f"<Result {XMLNS}>{inner}</Result>".encode())
