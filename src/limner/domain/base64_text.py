"""Bytes in base64, as clients write it: either alphabet, padded or not, with line breaks, as a `data:` URL."""

import binascii
from urllib.parse import unquote

import pybase64

_ALPHABET = str.maketrans("-_", "+/", " \t\r\n\v\f")


class TooLong(ValueError):
    """It stands for more bytes than are taken."""


def is_data_url(text: str) -> bool:
    return text[:5].lower() == "data:"


def bytes_of(text: str, most: int) -> bytes:
    """The bytes of a text. Raises `TooLong` beyond `most`, and `ValueError` for what is not base64."""
    encoded = _of_data_url(text) if is_data_url(text) else text
    encoded = encoded.translate(_ALPHABET).rstrip("=")
    if len(encoded) > most * 4 // 3 + 4:
        raise TooLong
    try:
        return pybase64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error


def _of_data_url(text: str) -> str:
    """What follows the comma; as in every URL, its signs may be written in percents (RFC 2397)."""
    encoded = text.partition(",")[2]
    return unquote(encoded) if "%" in encoded else encoded
