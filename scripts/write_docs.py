"""Writes the pages of the documentation that are made from the code: command line, configuration, models.

A test compares them with what this would write, so that they cannot fall behind.
"""

import html
import subprocess
import sys
from pathlib import Path

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from limner.domain.model import DEFAULT_MODEL, MODELS
from limner.settings import Settings
from limner.templates.loader import load_templates

DOCS = Path(__file__).resolve().parent.parent / "docs"
MADE = "<!-- Made by `make docs` from the code: change it there. -->\n\n"

CONFIGURATION = """\
# Configuration

Nothing needs to be set: `limner serve` runs on its defaults. Where a setting is given more than once, the later of these
wins:

1. the default,
2. `limner.toml` in the data folder (or where `LIMNER_CONFIG` points), with the names below in lower case:

       public_url = "https://images.example.org"
       tasks_at_once = 200

3. the environment, with the names below,
4. the command line, where it has an option for it (`--data`, `--host`, `--port`).

A value that makes no sense is refused at the start, by name. `limner doctor` shows what is in force where it matters.

| setting | default | meaning |
|---|---|---|
"""

MODELS_HEAD = """\
# Models and templates

## Models

`model_version` is a name in the API; which vendor serves it is the operator's business, and `served_by` in a finished task
says what really ran. Left out, it is `{default}`. The price is per task; no parameter changes it.

| model_version | known as | credits | reference images | formats |
|---|---|---|---|---|
"""

MODELS_TAIL = """
- **A picture for `flux.1_dev`**, which takes none, moves the request to `flux.1_kontext_pro`, at that model's limits;
  `input.model_version` shows it. The pictures of a template count.
- **A picture for `midjourney`** is refused with 1004. A template's words still apply there; its pictures are left out.
- **`text_to_image`** runs on the default model and costs 5 credits.
- **WebP** is refused with 2004 where the table does not list it, unless the operator set `LIMNER_TRANSCODE_WEBP`.
- Pictures are 20 to 6000 pixels a side; larger ones, up to 100 megapixels, are scaled down. At most 20 MB. What is sent on
  is upright and holds nothing but the picture: no EXIF, no place, no comment.

### Vendors

A vendor's routes become active when its key is set; the first active route of a model is used. `src/limner/routes.toml`
holds them, in order. Some public names have outlived the vendors' own models: the route then leads to the living
successor, and `served_by.model` names it.

| set this | and these models are served by it |
|---|---|
| `BFL_API_KEY` | `flux.1_kontext_pro`, `flux.1_dev` |
| `OPENAI_API_KEY` | `gpt_4o`, `gpt_image_1.5`, `gpt_image_2`: all by `gpt-image-2` |
| `GEMINI_API_KEY` | the three Gemini models |
| `FAL_KEY`, `REPLICATE_API_TOKEN` | the FLUX models, where `BFL_API_KEY` is not set |
| `LIMNER_MIDJOURNEY_URL` | `midjourney`, through a midjourney-proxy of yours |

With one vendor configured, a model without an active route is refused with 2017, unless `LIMNER_FALLBACK_TO_BUILTIN` is
set. [Rehearsing with emulated vendors](vendors.md) tries all this without a key.

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


def pages() -> dict[str, str]:
    return {"cli.md": _cli(), "configuration.md": _configuration(), "models.md": _models()}


def _cli() -> str:
    command = [sys.executable, "-m", "typer", "limner.cli.app", "utils", "docs", "--name", "limner"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env={"COLUMNS": "200"}).stdout
    return MADE + html.unescape(said).strip() + "\n"


def _configuration() -> str:
    rows = [
        f"| `{_variable(name, field)}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return MADE + CONFIGURATION + "\n".join(rows) + "\n"


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
        f"| `{m.name}` | {m.title} | {m.credits} | {m.reference_cap or 'none'} | {_formats(m.accepts)} |"
        for m in MODELS.values()
    ]
    templates = [
        f"| `{t.slug}` | {t.title} | {t.aspect_ratio or 'as asked'} | {t.summary} |"
        for t in (loaded.template for loaded in load_templates().values())
    ]
    head = MODELS_HEAD.format(default=DEFAULT_MODEL)
    return MADE + head + "\n".join(models) + "\n" + MODELS_TAIL + "\n".join(templates) + "\n" + TEMPLATES_TAIL


def _formats(accepts: frozenset[str]) -> str:
    names = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP"}
    return ", ".join(names[each] for each in sorted(accepts))


def main() -> int:
    DOCS.mkdir(exist_ok=True)
    for name, text in pages().items():
        (DOCS / name).write_text(text)
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
