"""The adapter."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from limner.domain.prompts.dialect import GEMINI, PromptDialect
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure
from limner.domain.routing.prices import Prices, by_class
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Report, UpstreamCheck, VendorAccount
from limner.providers._http import (
    LinkedImage,
    VendorHttp,
    accept_link,
    call_for_picture,
    check_endpoint,
    fetch_linked,
    invalid_option,
    reject_blank,
    require_valid,
)
from limner.providers.gemini.abilities import abilities_of, with_choices
from limner.providers.gemini.answer import decode
from limner.providers.gemini.check import LARGEST_PAGE, decode_models
from limner.providers.gemini.models import OPTIONS, facts_of
from limner.providers.gemini.prices import list_price
from limner.providers.gemini.refusals import VENDOR
from limner.providers.gemini.request import api_version, encode, option_problem


class GeminiProvider:
    """Synchronous: the answer to `submit` has the picture. A call that is cut off has an unknown outcome.

    Where an answer has a link instead, the link is the handle of a job whose picture is ready.
    """

    name = "gemini"
    resumable = False
    free = False
    makes_workdir = True

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raise ValueError for an invalid option. `now` is the wall clock in seconds."""
        self._now = now
        require_valid(account.options, OPTIONS)
        self._options = account.options
        self._http = VendorHttp(account, {"x-goog-api-key": account.key})

    async def submit(self, request: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:  # noqa: ARG002 - reports no progress
        options = with_choices(request, {**self._options, **request.options})
        call = encode(request, options)
        if isinstance(call, Failure):
            return call
        answer = await call_for_picture(self._http, VENDOR, call.path, request, json=call.json)
        outcome = answer if isinstance(answer, Failure) else decode(answer, request, options)
        if isinstance(outcome, LinkedImage):
            return accept_link(outcome, self._now())
        return await reject_blank(VENDOR, outcome)

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        target = request.workdir / "delivered"
        return await fetch_linked(self._http, VENDOR, handle, target, now_s=self._now(), timeout_s=request.deadline_s)

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:
        return facts_of(upstream, {**self._options, **options}).references

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        every = {**self._options, **options}
        facts = facts_of(upstream, every)
        return Prices(list_price(facts, every), {} if "image_size" in every else {"": by_class(facts.usd)})

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:  # noqa: ARG002 - labels name the pictures
        return GEMINI

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        return abilities_of(upstream, {**self._options, **options})

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:
        every = {**self._options, **options}
        return invalid_option(options, OPTIONS) or option_problem(upstream, facts_of(upstream, every), every)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        path = f"{api_version(self._options)}/models?pageSize={LARGEST_PAGE}"
        return await check_endpoint(self._http, VENDOR, path, partial(decode_models, upstreams=upstreams))

    async def close(self) -> None:
        await self._http.close()
