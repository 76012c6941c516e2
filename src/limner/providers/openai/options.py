"""The options of a route at OpenAI and alike: their rules, and defaults by the server's host."""

import re
from typing import Any, Final

from limner.ports.provider import GenerationRequest
from limner.providers._http import Rules
from limner.providers._http.options import (
    Rule,
    boolean,
    json_value,
    non_negative,
    number_table,
    starts_with,
    table,
    text,
    text_list,
)
from limner.providers.openai.dialects import Dialect
from limner.providers.openai.models import MODELS

_RATE_RULES: Final[Rules] = dict.fromkeys(("text_in", "image_in", "image_out"), non_negative)


def _rates(value: Any) -> str | None:
    if wrong := table(_RATE_RULES, "rate")(value):
        return wrong
    missing = [name for name in _RATE_RULES if name not in value]
    return f"{missing[0]} is missing" if missing else None


def _size_rule(value: Any) -> str | None:
    good = isinstance(value, str) and re.fullmatch(r"auto|[1-9]\d*x[1-9]\d*", value)
    return None if good else f"{value!r} is neither auto nor WIDTHxHEIGHT"


_FACT_RULES: Final[Rules] = {
    **dict.fromkeys(("sizes", "qualities"), text_list),
    "input_fidelity": text,
    "transparent": boolean,
    "rates": _rates,
    "usd": number_table,
}
ACCOUNT_OPTIONS: Final = ("dialect", "organization", "project")


def options_of(dialect: Dialect) -> Rules:
    """The rules for route options of this dialect; an account may set the same options as defaults."""
    known: dict[str, Rule] = {
        "size": _size_rule,
        "family": starts_with(*MODELS),
        "facts": table(_FACT_RULES, "fact"),
        **dict.fromkeys(sorted(dialect.fields), json_value),
    }
    if dialect.can_stream:
        known["stream"] = boolean
    if "{version}" in dialect.path:
        known["api_version"] = text
    return known


def defaults_at(host: str, request: GenerationRequest) -> dict[str, Any]:
    """Options that account and route may change, at the vendors themselves: a relay may refuse what it does not know.

    A stream of one event costs the same, and no balancer on the way closes it as idle. OpenAI bans by
    `safety_identifier`: without one, all accounts of this server.
    """
    if host == _OPENAI_HOST and request.caller:
        return {**streams_at(host), "safety_identifier": request.caller}
    return streams_at(host)


def streams_at(host: str) -> dict[str, Any]:
    return {"stream": True} if host == _OPENAI_HOST or host.endswith(_AZURE_HOSTS) else {}


_OPENAI_HOST: Final = "api.openai.com"
_AZURE_HOSTS: Final = (".openai.azure.com", ".services.ai.azure.com")
