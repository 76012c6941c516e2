"""How every vendor is spoken to over HTTP: with the key kept at home, streaming both ways, and nothing guessed."""

from limner.providers._http.answer import Answer, BadAnswer, ForeignHost, NoAnswer, file_in, unanswered, without_key
from limner.providers._http.blank import is_blank, unless_blank
from limner.providers._http.body import Part, file_as_base64
from limner.providers._http.check import among, inquire, listed, refused_key
from limner.providers._http.client import VendorHttp
from limner.providers._http.job import (
    POLL_S,
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
from limner.providers._http.options import JOB_RULES, KEYED_JOB_RULES, Rules, misfit, of_the_provider, ours, require
from limner.providers._http.wait import retry_after_s
from limner.providers._http.words import redacted

__all__ = [
    "JOB_RULES",
    "KEYED_JOB_RULES",
    "POLL_S",
    "Answer",
    "BadAnswer",
    "ForeignHost",
    "NoAnswer",
    "Part",
    "Ready",
    "Rules",
    "Said",
    "VendorHttp",
    "among",
    "ask",
    "bring",
    "detail_of",
    "file_as_base64",
    "file_in",
    "inquire",
    "is_blank",
    "listed",
    "lost",
    "misfit",
    "no_handle",
    "of_the_provider",
    "ours",
    "pause_s",
    "redacted",
    "refused",
    "refused_key",
    "require",
    "retry_after_s",
    "said",
    "send_order",
    "too_many_pictures",
    "unanswered",
    "unknown_model",
    "unless_blank",
    "without_key",
]
