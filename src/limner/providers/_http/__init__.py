"""How every vendor is spoken to over HTTP: with the key kept at home, streaming both ways, and nothing guessed."""

from limner.providers._http.answer import Answer, BadAnswer, ForeignHost, NoAnswer, file_in, unanswered
from limner.providers._http.body import Part, file_as_base64
from limner.providers._http.client import VendorHttp
from limner.providers._http.job import (
    Ready,
    Said,
    ask,
    bring,
    detail_of,
    lost,
    no_handle,
    pause_s,
    refused,
    said,
    send_order,
    too_many_pictures,
    unknown_model,
)
from limner.providers._http.wait import retry_after_s
from limner.providers._http.words import redacted

__all__ = [
    "Answer",
    "BadAnswer",
    "ForeignHost",
    "NoAnswer",
    "Part",
    "Ready",
    "Said",
    "VendorHttp",
    "ask",
    "bring",
    "detail_of",
    "file_as_base64",
    "file_in",
    "lost",
    "no_handle",
    "pause_s",
    "redacted",
    "refused",
    "retry_after_s",
    "said",
    "send_order",
    "too_many_pictures",
    "unanswered",
    "unknown_model",
]
