"""Lints and renders the Helm chart, checks each object against its schema, and compares all with the kept renders.

    .venv-charts/bin/python scripts/check_chart.py            check: `make chart-check`
    .venv-charts/bin/python scripts/check_chart.py --write    keep what is rendered now

Helm is the library itself, by helm-python-sdk; no cluster is asked. tests/deploy/chart has values, renders, and schemas
of the resources that are not Kubernetes' own.
"""

import argparse
import copy
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from helm_python.chart import Chart, lint
from helm_python.errors import HelmError
from kubernetes_validate.utils import validate

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "limner"
CASES = ROOT / "tests" / "deploy" / "chart"
RELEASES = ("1.27.0", "1.31.0", "1.37.0")
"""Releases of Kubernetes: the oldest that the chart takes, one between, the newest that the validator knows."""

Fields = tuple[str, ...]
"""A kind, and the names of fields in each other, with the numbers of what stands in lists."""

WARNING = 2
FREE = {"labels", "annotations", "matchLabels", "data", "limits", "requests", "nodeSelector"}
"""Fields whose own fields have any name; so are those of a service's `selector`, which holds labels itself."""

REFUSED: dict[str, dict[str, Any]] = {
    "no address": {"storageUrl": "s3://pictures"},
    "a bare host": {"publicUrl": "images.example.org", "storageUrl": "s3://pictures"},
    "a misspelt value": {"publicUrl": "https://a.example", "storageUrl": "s3://p", "wroker": {}},
    "an unknown scaler": {
        "publicUrl": "https://a.example",
        "storageUrl": "s3://p",
        "worker": {"autoscaling": {"by": "cpu"}},
    },
}
"""Values that the chart has to refuse."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="keep what is rendered now")
    chosen = options.parse_args()
    faults = [*refusals()]
    for values_file in sorted(CASES.glob("*.values.yaml")):
        values = yaml.safe_load(values_file.read_text())
        faults += [f"{values_file.name}: {each}" for each in linted(values)]
        objects = rendered(values)
        wrong = {fields: each for one in objects for fields, each in misspelt(one)}
        faults += [f"{values_file.name}: taken although misspelt: {'.'.join(each)}" for each in taken(wrong)]
        faults += [f"{values_file.name}: {each}" for each in invalid(objects)]
        golden = values_file.with_name(values_file.name.replace("values", "rendered"))
        text = yaml.safe_dump_all(objects, sort_keys=False, width=120)
        if chosen.write:
            golden.write_text(text)
        elif not golden.exists() or golden.read_text() != text:
            faults.append(f"{golden.name} is not what is rendered: look at the change, then --write")
        print(f"{values_file.name}: {len(objects)} objects, {len(wrong)} fields, each refused when it is misspelt")
    if chosen.write:
        (CASES / "digest.txt").write_text(digest() + "\n")
    sys.exit("\n".join(faults) if faults else None)


def digest() -> str:
    """Of the chart and the values: the suite, which has no Helm, notices by it that renders are old."""
    files = sorted([*(each for each in CHART.rglob("*") if each.is_file()), *CASES.glob("*.values.yaml")])
    return hashlib.sha256(b"".join(each.name.encode() + b"\0" + each.read_bytes() for each in files)).hexdigest()


def linted(values: dict[str, Any]) -> Iterator[str]:
    report = lint(CHART, values, strict=True)
    yield from report["errors"]
    yield from (each["error"] for each in report["messages"] if each["severity"] >= WARNING)


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    with Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name="limner", namespace="pictures")
    texts = [text for name, text in sorted(files.items()) if name.endswith(".yaml")]
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def invalid(objects: list[dict[str, Any]], releases: tuple[str, ...] = RELEASES) -> Iterator[str]:
    schemas = json.loads((CASES / "custom-resources.json").read_text())
    for each in objects:
        kind = each["kind"]
        name = f"{kind} {each.get('metadata', {}).get('name')}"
        if kind in schemas:
            checked = schemas[kind] | {"$defs": schemas["$defs"]}
            found = jsonschema.Draft202012Validator(checked).iter_errors(each)
            yield from (f"{name}: {error.message}" for error in found)
            continue
        for release in releases:
            try:
                validate(each, release, strict=True)
            except Exception as error:  # noqa: BLE001 - the validator has several kinds
                yield f"{name}, Kubernetes {release}: {error}"


def misspelt(whole: dict[str, Any]) -> Iterator[tuple[Fields, dict[str, Any]]]:
    """The object once for each of its fields, with a letter too many in that field's name."""
    for path in _fields_of(whole):
        changed = copy.deepcopy(whole)
        holder: Any = changed
        for step in path[:-1]:
            holder = holder[step]
        holder[f"{path[-1]}x"] = holder.pop(path[-1])
        yield (whole["kind"], *(str(step) for step in path)), changed


def _fields_of(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """But `kind` and `apiVersion`, by which the schema is found."""
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _fields_of(each, (*path, number))
    elif isinstance(value, dict) and not _is_free(path, value):
        for name, each in value.items():
            if path or name not in {"kind", "apiVersion"}:
                yield (*path, name)
                yield from _fields_of(each, (*path, name))


def _is_free(path: tuple[str | int, ...], value: dict[str, Any]) -> bool:
    return bool(path) and (path[-1] in FREE or (path[-1] == "selector" and "matchLabels" not in value))


def taken(wrong: dict[Fields, dict[str, Any]]) -> Iterator[Fields]:
    """Those in which the newest schemas find no fault."""
    for fields, each in wrong.items():
        if not list(invalid([each], RELEASES[-1:])):
            yield fields


def refusals() -> Iterator[str]:
    for what, values in REFUSED.items():
        try:
            rendered(values)
        except HelmError:
            continue
        yield f"not refused: {what}"


if __name__ == "__main__":
    main()
