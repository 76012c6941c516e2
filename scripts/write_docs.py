"""Writes the pages of the documentation that are made from the code: command line, configuration, models, failures.

A test compares them with what this would write, so that they cannot fall behind.
"""

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from limner.domain.model import DEFAULT_MODEL
from limner.domain.routing.failure import FALLS_BACK, RETRIES, FailureKind
from limner.domain.routing.prices import Prices
from limner.domain.routing.route import Route
from limner.models import ModelSettings, shipped_models
from limner.ports.provider import Provider, prices_of
from limner.providers.declarations import declarations
from limner.routes import routes_of
from limner.settings import ProviderSettings, RouteSettings, Settings
from limner.templates.loader import load_templates
from limner.vendors import upstreams
from limner_vendors.failures import FAILURES, SECTIONS, FailureCase

MODELS = shipped_models()

DOCS = Path(__file__).resolve().parent.parent / "docs"
MADE = "<!-- Made by `make docs` from the code: change it there. -->\n\n"

CONFIGURATION = """\
# Configuration

Nothing needs to be set: `limner serve` runs on its defaults. Where a setting is given more than once, the later of these
wins:

1. the default,
2. `limner.toml` in the data folder (or where `LIMNER_CONFIG` points), with the names below in lower case:

   ```toml
   public_url = "https://images.example.org"
   tasks_at_once = 200
   ```

3. the environment, with the names below,
4. the command line, where it has an option for it (`--data`, `--host`, `--port`).

Every value is checked at the start. A mistake is reported with its place (the variable, or the file and line) and a remedy; an
unknown name is refused with the closest known one. `limner config check` does the same without starting anything, and
`limner config show` prints the settings in effect and where each comes from, with secrets masked.

Blanks around values are removed, an empty variable counts as unset, and `~` in a path is the home folder. `NAME_FILE` names a
file that holds the value of the variable `NAME`, as Docker and Kubernetes provide secrets: `OPENAI_API_KEY_FILE`,
`LIMNER_SECRET_FILE`, `LIMNER_DATABASE_URL_FILE` and so on.

| setting | default | meaning |
|---|---|---|
"""

PRICED = ("bfl", "openai", "gemini", "fal", "replicate", "midjourney")
PRICE_TABLE = re.compile(r"(<!-- prices: made by `make docs` -->\n).*?(<!-- /prices -->)", re.DOTALL)
PRICES_HEAD = """\

| model_version | the vendor's name | this route is | a picture | least and most, by quality and size | each reference |
|---|---|---|---|---|---|
"""

PROVIDERS = """
## Providers

`[provider.NAME]` in `limner.toml`, or a variable for each field: `LIMNER_PROVIDER__NAME__CONCURRENCY`. [Providers and
routes](providers.md) has examples.

| field | default | meaning |
|---|---|---|
"""

MODEL_ROWS = """
## Models

`[[model]]` in `limner.toml`, once for each model that you add; a row with the name of a [shipped model](models.md) takes its place,
with all of its fields. A model needs a `[[route]]`, see below.

| field | default | meaning |
|---|---|---|
"""

ROUTES = """
## Routes

`[[route]]` in `limner.toml`, once for each way to a model, or all of them as a JSON list in `LIMNER_ROUTE`. The routes of a model
take the place of those that ship for it.

| field | default | meaning |
|---|---|---|
"""

MODELS_HEAD = """\
# Models and templates

## Models

`model_version` is a name in the API. The operator chooses which vendor serves it; `served_by` in a finished task says what ran.
The default is `{default}`; where no vendor of it is configured, the first model of this table that is served and
takes the request's images. `LIMNER_DEFAULT_MODEL` sets another. The price is per picture. `limner models`, `GET /v2/openapi/models` and
`GET /v3/models` list what is served here, by whom, at what price, and which optional fields of a task are obeyed.

| model_version | known as | also called | credits | reference images | formats |
|---|---|---|---|---|---|
"""

MODELS_MIDDLE = """
The first nine are those of the API that Limner implements. The others have the names of their makers, with `_` for `-`. An alias is
accepted wherever a name is, and a task shows the name. Of the optional fields those count that the route obeys; `flux.3`,
`gemini_nano_banana_2.1` and `gpt_image_2` are offered in sizes of 1K and 2K only, because their 4K costs several times as much.

Credits do not depend on quality or size; what a vendor charges does. `gpt_image_2` costs $0.053 at the usual quality, $0.211 at
`high`, and about $0.26 at `high` in 2K. `max_vendor_usd`, quotes and the journal use the price of what is asked, so a key can be
kept from expensive pictures; a row of your own with `qualities` and `sizes` keeps everybody from them.

`flux.1_fill` draws anew what a `mask` shows, and needs one. OpenAI's models take a mask too, the others refuse it and name those that do.

**Further models** are rows of `limner.toml`, with their routes: [a model that Limner does not
know](providers.md#a-model-that-limner-does-not-know). A `[[model]]` with the name of a shipped one takes its place, for instance to
set another price, more `sizes`, or fewer fields with `obeys`; all its fields are in [Configuration](configuration.md#models).
`[model_alias]` adds names:

```toml
[model_alias]
"gpt-image-2" = "gpt_image_2"
```

- **A picture for `flux.1_dev`**, which takes none, moves the request to `flux.1_kontext_pro`, at that model's limits;
  `input.model_version` shows it. The pictures of a template count.
- **A picture for `midjourney`** is refused with 1004. A template's words still apply there; its pictures are left out.
- **`text_to_image`** runs on the default model and costs 5 credits.
- **WebP** is refused with 2004 where the table does not list it, unless the operator set `LIMNER_TRANSCODE_WEBP`.
- Pictures are 20 to 6000 pixels a side; larger ones, up to 100 megapixels, are scaled down. At most 20 MB. What is sent on
  is upright and has no metadata: no EXIF, no location, no comment.

### Vendors

A vendor's routes become active when the variable in this table is set; the first active route of a model is used, and the next when it
fails. In brackets is the model that runs: vendors have shut down several of the nine. `served_by` in a finished task names vendor and model.

| set this | vendor | and these models are served |
|---|---|---|
"""

MODELS_TAIL = """
With one vendor configured, a model without an active route is refused with 2017, unless `LIMNER_FALLBACK_TO_BUILTIN` is
set. [Rehearsing with emulated vendors](vendors.md) tries all this without a key.

{retired}. The shipped routes use their successors, with a second route behind each whose own end is announced. A model that
was shut down answers `model_unavailable`, and the model's next route is used; see [What can go wrong at a vendor](failures.md).

### While no vendor is configured

Every model is served by the built-in engine. It composes scenes from a library of objects and edits pictures by rule; it
does not generate, and says so: in the header `X-Limner-Served-By`, in `served_by` (`"generative": false`, what it
understood and what not), and in the picture's own metadata.

## Templates

A template puts words before your prompt and may add pictures after yours; with one, the prompt may be empty. Name it with
`_` or `-`. `limner templates show NAME` prints the words.

| template | title | shape | what it does |
|---|---|---|---|
"""

TEMPLATES_TAIL = """
`t_pose` and `sketch_to_render` are switches (JSON booleans) that add words of their own; they may be combined with each
other and with a template. The order is: template, `t_pose`, `sketch_to_render`, your prompt.

**Your own templates** live in a folder that `LIMNER_TEMPLATES` names: a folder per template, with a `template.toml` as in
`src/limner/templates/`, and at most two pictures. One with a built-in name takes its place.
"""

FAILURES_HEAD = """\
# What can go wrong at a vendor

Every attempt without a picture ends in one of these kinds. `limner tasks explain TASK` shows the kind of each attempt, the
vendor's own message, and whether the vendor charged for it. A caller is never charged for a failed attempt: the operator
pays the vendor's bill for it, if there is one.

| kind | meaning | retried on this route | then the next route | how the task ends, if nothing is left to try |
|---|---|---|---|---|
"""

FAILURES_MIDDLE = """
- **Retries**: a wait that the vendor names is obeyed, in every form: `Retry-After`, `retry-after-ms`, a field of the body,
  Google's `RetryInfo`, or a text such as “try again in 20s”. Otherwise the wait is short and random.
- **Purchases**: for one picture at most two more are bought after answers that were paid for and of no use, of whatever kind
  (no picture, a broken one, text instead), and one more after an unknown outcome under `resend_once`. They are counted over
  all routes, and a restart does not reset the count.
- **`unknown_outcome`** follows `LIMNER_UNKNOWN_OUTCOME`, or the route's own `unknown_outcome`: `resend_once` sends the request once
  more, `fail_and_refund` ends the task. A job whose handle is known is polled on instead, also by a worker that takes the task over.
- **Gateways**: a timeout page of a gateway or load balancer in front of the vendor (520, 522, 524, 527, or 502 and 504 without
  the vendor's own error) is an unknown outcome, for the request was passed on. 521, 523, 525 and 526 mean that it never
  reached the vendor, which is `transient`.
- **A picture of a single colour** counts as `bad_output`: a model that overflowed leaves one, or a safety checker. Where
  the vendor flags it, it is `content_policy`.
- **Model ids that a vendor has shut down** answer 404, which is `model_unavailable`: the route is paused and the next one
  is used. `gpt_4o` and `gpt_image_1.5` lead to `gpt-image-2`, and the three Gemini previews to the models that
  they became, with a successor as their second route; see [Models](models.md).
- [Providers and routes](providers.md) describes the order of routes, their pauses and limits.
- **A key that is answered with 401** is wrong on all of its provider's routes: the task goes on with those of others. After a 403, which may
  be about one model, the provider's next route is tried.
- **Keys** never show: where a vendor repeats ours, it is removed before anything is stored, shown or logged.

## What is no failure

An accepted job is bought, so it is polled until the task's deadline: when no answer comes, after 401, 403, 408, 429 or 5xx,
when its status is unknown to Limner, when the vendor does not know the job (unless `not_found_grace_s` of the provider says for
how long), and when the link to its picture is dead (the vendor is asked for another). Midjourney's upscale may fail in any
way: the picture is then cropped from the grid, which is paid for already. [Rehearsing](vendors.md#midjourneys-second-step)
describes how it survives a crash.

A task that is cancelled, or past its deadline, asks fal, Replicate and Midjourney's relay to stop its job. This is a best
effort: the journal shows what the vendor answered, and it may charge for the job all the same.

## Vendor by vendor

The last column, written in a prompt, provokes the failure at the emulators of `limner vendors serve`, see
[Rehearsing](vendors.md); the test suite does so for every row. “–” needs another request or another address instead.
"""

MEANINGS = {
    FailureKind.CONTENT_POLICY: "the vendor's content policy refused the prompt, a reference, or the picture",
    FailureKind.BAD_INPUT: "the vendor refused the request, or can never draw it",
    FailureKind.RATE_LIMITED: "too many requests at the moment",
    FailureKind.QUOTA_EXHAUSTED: "our credit or our quota there is used up",
    FailureKind.AUTH: "our key, our account or our location is not accepted",
    FailureKind.MODEL_UNAVAILABLE: "no such model there, or no longer",
    FailureKind.TRANSIENT: "the vendor is out of order",
    FailureKind.TIMEOUT: "an engine of our own did not answer in time",
    FailureKind.NO_IMAGE: "the vendor finished without a picture",
    FailureKind.BAD_OUTPUT: "what the vendor delivered is no picture, or shows nothing",
    FailureKind.UNSUPPORTED_OUTPUT: "the vendor delivered in a form that Limner cannot read, and would do so again",
    FailureKind.UNKNOWN_OUTCOME: "the request was sent and not answered: the vendor may have done the work",
    FailureKind.CANCELLED: "the job was cancelled at the vendor",
}


def pages() -> dict[str, str]:
    made = {"cli.md": _cli(), "configuration.md": _configuration(), "models.md": _models(), "failures.md": _failures()}
    return made | {f"vendor-{vendor}.md": _vendor_page(vendor) for vendor in PRICED}


def _cli() -> str:
    command = [sys.executable, "-m", "typer", "limner.cli.app", "utils", "docs", "--name", "limner"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env={"COLUMNS": "200"}).stdout
    return MADE + html.unescape(said).strip() + "\n"


def _configuration() -> str:
    rows = [
        f"| `{_variable(name, field)}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return (
        MADE
        + CONFIGURATION
        + "\n".join(rows)
        + "\n"
        + PROVIDERS
        + _fields(ProviderSettings)
        + MODEL_ROWS
        + _fields(ModelSettings)
        + ROUTES
        + _fields(RouteSettings)
    )


def _fields(settings: type[BaseModel]) -> str:
    rows = [
        f"| `{name}` | {_default(field.default)} | {field.description} |"
        for name, field in settings.model_fields.items()
    ]
    return "\n".join(rows) + "\n"


def _variable(name: str, field: FieldInfo) -> str:
    """The environment variable: a vendor's own name for it, or ours."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"LIMNER_{name.upper()}"


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined or value == "":
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _models() -> str:
    models = [
        f"| `{m.name}` | {m.title} | {', '.join(f'`{alias}`' for alias in m.aliases) or '–'} | {m.credits} "
        f"| {m.reference_cap or 'none'} | {_formats(m.accepts)} |"
        for m in MODELS.values()
    ]
    templates = [
        f"| `{t.slug}` | {t.title} | {t.aspect_ratio or 'as asked'} | {t.summary} |"
        for t in (loaded.template for loaded in load_templates().values())
    ]
    tables = (models, list(_vendors_by_variable()), templates)
    heads = (MADE + MODELS_HEAD.format(default=DEFAULT_MODEL), MODELS_MIDDLE, MODELS_TAIL.format(retired=_retired()))
    return "".join(head + "\n".join(rows) + "\n" for head, rows in zip(heads, tables, strict=True)) + TEMPLATES_TAIL


def _vendors_by_variable() -> Iterator[str]:
    shipped = routes_of(Settings(), frozenset(declarations()))
    for vendor in declarations().values():
        upstreams = {
            model: [f"`{route.upstream}`" for route in routes if route.provider == vendor.name]
            for model, routes in shipped.items()
        }
        served = [f"`{model}` ({', then '.join(names)})" for model, names in upstreams.items() if names]
        yield f"| `{vendor.required.environment_variable}` | {vendor.title} | {', '.join(served)} |"


def _vendor_page(vendor: str) -> str:
    """The page as it is written, with its table of prices made anew."""
    page = (DOCS / f"vendor-{vendor}.md").read_text()
    return PRICE_TABLE.sub(lambda found: f"{found[1]}{PRICES_HEAD}{''.join(_price_rows(vendor))}\n{found[2]}", page)


def _price_rows(vendor: str) -> Iterator[str]:
    keys = {each.key.setting: "x" for each in declarations().values() if each.key}
    settings = Settings(**keys, midjourney_url="http://127.0.0.1")  # type: ignore[arg-type] - the vendors' settings
    opened = upstreams(settings)[vendor].open()
    for model, routes in routes_of(settings, frozenset(declarations())).items():
        for place, route in enumerate(routes, 1):
            if route.provider == vendor:
                yield f"| `{model}` | `{route.upstream}` | {place} of {len(routes)} | {_priced(opened, route)} |\n"


def _priced(provider: Provider | None, route: Route) -> str:
    """The price of a picture for which nothing is asked, the range of what can be asked, and that of a reference."""
    prices = prices_of(provider, route.upstream, route.options)
    usual = "not known" if prices.usual is None else f"${prices.usual:.3g}"
    more = f"${prices.per_reference:.3g}" if prices.per_reference else "–"
    return f"{usual} | {_range(prices)} | {more}"


def _range(prices: Prices) -> str:
    every = sorted(usd for points in prices.points.values() for _, usd in points)
    return f"${every[0]:.3g} to ${every[-1]:.3g}" if every and every[0] < every[-1] else "–"


def _retired() -> str:
    """Which originals were shut down, and when."""
    days = [f"that of `{m.name}` on {m.retired}" for m in MODELS.values() if m.retired]
    return f"Of these models the makers have shut down the original: {', '.join(days)}"


def _formats(accepts: frozenset[str]) -> str:
    names = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP"}
    return ", ".join(names[each] for each in sorted(accepts))


def _failures() -> str:
    kinds = [
        f"| `{kind}` | {MEANINGS[kind]} | {_again(kind)} | {_yes(kind in FALLS_BACK)} | {_seen(kind)} |"
        for kind in FailureKind
    ]
    vendors = [_vendor_failures(vendor) for vendor in SECTIONS]
    return MADE + FAILURES_HEAD + "\n".join(kinds) + "\n" + FAILURES_MIDDLE + "".join(vendors)


def _vendor_failures(vendor: str) -> str:
    head = (
        f"\n### {SECTIONS[vendor].title}\n\n"
        "| the vendor says | Limner calls it | retried | next route | charged | client sees | rehearse with |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(_failure(row) for row in FAILURES if row.vendor == vendor)


def _failure(row: FailureCase) -> str:
    stage = f" ({row.stage})" if row.stage else ""
    again = "no" if not row.repeatable else _again(row.kind) if row.wait_s is None else f"after {row.wait_s:g} s"
    charged = "unknown" if row.charged is None else _yes(row.charged)
    word = f"`{row.fault.word(SECTIONS[row.vendor].emulator)}`" if row.fault and not row.options else "–"
    facts = (row.says, f"`{row.kind}`{stage}", again, _yes(row.kind in FALLS_BACK), charged, _seen(row.kind), word)
    return f"| {' | '.join(facts)} |\n"


def _again(kind: FailureKind) -> str:
    match kind:
        case FailureKind.RATE_LIMITED:
            return "after the wait"
        case FailureKind.UNKNOWN_OUTCOME:
            return "as the policy says"
        case _:
            return {0: "no", 1: "once", 2: "twice"}[RETRIES[kind]]


def _yes(fact: bool) -> str:  # noqa: FBT001 - the fact itself
    return "yes" if fact else "no"


def _seen(kind: FailureKind) -> str:
    return "2008, `banned`" if kind is FailureKind.CONTENT_POLICY else "1001, `failed`"


def main() -> int:
    DOCS.mkdir(exist_ok=True)
    for name, text in pages().items():
        (DOCS / name).write_text(text)
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
