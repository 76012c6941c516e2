"""HTTP for all vendors: the key goes to the vendor alone, bodies stream both ways, and failures are values."""

from limner.providers._http.check import check_endpoint, check_models, key_refused, models_by_name
from limner.providers._http.client import VendorHttp
from limner.providers._http.error_response import ErrorMessage, detail_of, error_message, failure_from, is_vendors_own
from limner.providers._http.errors import BadResponse, NoResponse, TooLarge, UntrustedHost, VendorHttpError
from limner.providers._http.images.blank import is_blank, reject_blank
from limner.providers._http.images.decoder import NotAPictureFile, open_picture
from limner.providers._http.images.white_mask import white_mask
from limner.providers._http.jobs.api import (
    MIN_POLL_S,
    FinishedJob,
    JobPolls,
    JobState,
    MissingJob,
    RunningJob,
    cancel_job,
    fetch_finished,
    missing_handle,
    poll_interval_s,
    query_job,
    submit_job,
    too_many_references,
    unknown_model,
)
from limner.providers._http.jobs.linked_image import (
    LinkedImage,
    accept_link,
    fetch_linked,
    image_link,
    markdown_image_link,
)
from limner.providers._http.jobs.provider import JobProvider
from limner.providers._http.options import (
    JOB_RULES,
    KEYED_JOB_RULES,
    Rules,
    invalid_option,
    provider_only,
    require_valid,
    set_by_limner,
)
from limner.providers._http.picture_call import call_for_picture
from limner.providers._http.reading.events import OnEvent
from limner.providers._http.redaction import redacted
from limner.providers._http.request_body import Part, file_as_base64
from limner.providers._http.response import (
    VendorResponse,
    link_or_picture,
    no_response_failure,
    picture_in,
    without_key,
)
from limner.providers._http.retry_after import retry_after_s

__all__ = [
    "JOB_RULES",
    "KEYED_JOB_RULES",
    "MIN_POLL_S",
    "BadResponse",
    "ErrorMessage",
    "FinishedJob",
    "JobPolls",
    "JobProvider",
    "JobState",
    "LinkedImage",
    "MissingJob",
    "NoResponse",
    "NotAPictureFile",
    "OnEvent",
    "Part",
    "Rules",
    "RunningJob",
    "TooLarge",
    "UntrustedHost",
    "VendorHttp",
    "VendorHttpError",
    "VendorResponse",
    "accept_link",
    "call_for_picture",
    "cancel_job",
    "check_endpoint",
    "check_models",
    "detail_of",
    "error_message",
    "failure_from",
    "fetch_finished",
    "fetch_linked",
    "file_as_base64",
    "image_link",
    "invalid_option",
    "is_blank",
    "is_vendors_own",
    "key_refused",
    "link_or_picture",
    "markdown_image_link",
    "missing_handle",
    "models_by_name",
    "no_response_failure",
    "open_picture",
    "picture_in",
    "poll_interval_s",
    "provider_only",
    "query_job",
    "redacted",
    "reject_blank",
    "require_valid",
    "retry_after_s",
    "set_by_limner",
    "submit_job",
    "too_many_references",
    "unknown_model",
    "white_mask",
    "without_key",
]
