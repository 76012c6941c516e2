"""How every vendor is spoken to over HTTP: with the key kept at home, streaming both ways, and nothing guessed."""

from limner.providers._http.blank_image import is_blank, unless_blank
from limner.providers._http.check import among, inquire, listed, refused_key
from limner.providers._http.client import VendorHttp
from limner.providers._http.job_api import (
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
from limner.providers._http.redaction import redacted
from limner.providers._http.request_body import Part, file_as_base64
from limner.providers._http.response import (
    BadAnswer,
    ForeignHost,
    NoAnswer,
    VendorResponse,
    file_in,
    unanswered,
    without_key,
)
from limner.providers._http.retry_after import retry_after_s

__all__ = [
    "JOB_RULES",
    "KEYED_JOB_RULES",
    "POLL_S",
    "BadAnswer",
    "ForeignHost",
    "NoAnswer",
    "Part",
    "Ready",
    "Rules",
    "Said",
    "VendorHttp",
    "VendorResponse",
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
