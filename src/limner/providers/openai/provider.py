"""The adapter."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from limner.domain.prompts.dialect import GPT_IMAGE, PLAIN, PromptDialect, dialect_named_in
from limner.domain.routing.abilities import Abilities
from limner.domain.routing.failure import Failure
from limner.domain.routing.prices import NO_PRICES, Prices
from limner.ports.provider import Accepted, Delivered, GenerationRequest, Pending, Report, UpstreamCheck, VendorAccount
from limner.providers._http import (
    LinkedImage,
    VendorHttp,
    accept_link,
    call_for_picture,
    check_endpoint,
    fetch_linked,
    invalid_option,
    provider_only,
    reject_blank,
    require_valid,
)
from limner.providers._http.options import text
from limner.providers.openai.abilities import abilities_of
from limner.providers.openai.answer import decode, previews_of
from limner.providers.openai.check import decode_models
from limner.providers.openai.dialects import DIALECTS, Dialect
from limner.providers.openai.models import facts_of
from limner.providers.openai.options import ACCOUNT_OPTIONS, defaults_at, options_of, streams_at
from limner.providers.openai.prices import prices_of
from limner.providers.openai.request import RoutedRequest, api_version, encode


class OpenAiProvider:
    """Synchronous: the answer to `submit` has the picture. A call that is cut off has an unknown outcome.

    Where a relay's answer has a link instead, the link is the handle of a job whose picture is ready.
    """

    name = "openai"
    resumable = False
    free = False
    makes_workdir = True

    def __init__(self, account: VendorAccount, now: Callable[[], float] = time.time) -> None:
        """Raise ValueError for an unknown dialect or an invalid option. `now` is the wall clock in seconds."""
        self._now = now
        self._options = account.options
        self._dialect = _dialect(str(account.options.get("dialect", "openai")))
        require_valid(account.options, {**options_of(self._dialect), **dict.fromkeys(ACCOUNT_OPTIONS, text)})
        self.charges_nothing = not self._dialect.is_billed
        self._host = urlsplit(account.base_url).hostname or ""
        self._http = VendorHttp(account, _headers(account, self._dialect))

    async def submit(self, request: GenerationRequest, report: Report) -> Delivered | Accepted | Failure:  # noqa: ARG002 - reports no progress
        usual = defaults_at(self._host, request)
        routed = RoutedRequest(request, self._dialect, {**usual, **self._options, **request.options})
        call = encode(routed)
        if isinstance(call, Failure):
            return call
        answer = await call_for_picture(
            self._http,
            self._dialect.vendor,
            call.path,
            request,
            json=call.json,
            form=call.form,
            on_event=previews_of(request),
            charged=self._dialect.is_billed,
        )
        outcome = answer if isinstance(answer, Failure) else decode(answer, routed)
        if isinstance(outcome, LinkedImage):
            return accept_link(outcome, self._now())
        return await reject_blank(self._dialect.vendor, outcome, charged=self._dialect.is_billed)

    async def poll(self, handle: Mapping[str, Any], request: GenerationRequest) -> Delivered | Pending | Failure:
        target = request.workdir / "delivered"
        vendor, now_s = self._dialect.vendor, self._now()
        outcome = await fetch_linked(self._http, vendor, handle, target, now_s=now_s, timeout_s=request.deadline_s)
        if isinstance(outcome, Failure) and not self._dialect.is_billed:
            return replace(outcome, charged=False)
        return outcome

    def reference_cap(self, upstream: str, options: Mapping[str, Any]) -> int | None:  # noqa: ARG002 - by dialect
        return self._dialect.references

    def prices(self, upstream: str, options: Mapping[str, Any]) -> Prices:
        every = {**self._options, **options}
        return prices_of(facts_of(upstream, every), every) if self._dialect.is_billed else NO_PRICES

    def dialect(self, upstream: str, options: Mapping[str, Any]) -> PromptDialect:
        named = dialect_named_in(str({**self._options, **options}.get("family", upstream)))
        return GPT_IMAGE if named is PLAIN and self._dialect.is_billed else named

    def abilities(self, upstream: str, options: Mapping[str, Any]) -> Abilities:
        return abilities_of(upstream, self._dialect, {**streams_at(self._host), **self._options, **options})

    def route_problem(self, upstream: str, options: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - new names are welcome
        rules = {**options_of(self._dialect), **dict.fromkeys(ACCOUNT_OPTIONS, provider_only)}
        return invalid_option(options, rules)

    async def check(self, upstreams: Sequence[str]) -> UpstreamCheck:
        path = self._dialect.models.format(version=api_version(self._options))
        read_answer = partial(decode_models, dialect=self._dialect, upstreams=upstreams)
        return await check_endpoint(self._http, self._dialect.vendor, path, read_answer)

    async def close(self) -> None:
        await self._http.close()


def _dialect(name: str) -> Dialect:
    if name not in DIALECTS:
        raise ValueError(f"option 'dialect': {name!r} is none of {', '.join(DIALECTS)}")
    return DIALECTS[name]


def _headers(account: VendorAccount, dialect: Dialect) -> dict[str, str]:
    header, form = dialect.key_header
    headers = {header: form.format(key=account.key)} if account.key else {}
    for option, name in (("organization", "OpenAI-Organization"), ("project", "OpenAI-Project")):
        if option in account.options:
            headers[name] = str(account.options[option])
    return headers
