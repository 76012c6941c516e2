"""The free check: the list of models."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from limner.domain.routing.failure import FailureKind
from limner.ports.provider import UpstreamCheck
from limner.providers._http import VendorResponse, check_models, key_refused, models_by_name
from limner.providers.gemini.protobuf_json import get_field
from limner.providers.gemini.refusals import kind_of_error

LARGEST_PAGE: Final = 1000
"""Google's limit for `pageSize` in the list of models."""


def decode_models(answer: VendorResponse, upstreams: Sequence[str]) -> UpstreamCheck | None:
    if kind_of_error(answer) is FailureKind.AUTH:
        return key_refused(answer)
    models = models_by_name(answer.body, "models", "name") if answer.ok else None
    if models is None:
        return None
    names = [name.removeprefix("models/") for name in models]
    wanted = [each.removeprefix("models/") for each in upstreams]
    if get_field(answer.body, "nextPageToken", "next_page_token"):
        wanted = [each for each in wanted if each in names]  # missing ones may be on the next page
    seen = check_models(names, wanted)
    return replace(seen, says=f"the key is valid; {seen.says}")
