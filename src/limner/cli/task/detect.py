"""`limner detect`: whether a picture is ours, and what it says about how it was made."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from limner.cli.terminal import Data, Json, out, print_json, with_limner
from limner.ports.provenance import ManifestState

if TYPE_CHECKING:
    from limner.application.provenance.detect import Detected


def detect(
    file: Annotated[Path, typer.Argument(help="A PNG, JPEG or WebP.", exists=True, dir_okay=False, readable=True)],
    data: Data = None,
    json: Json = False,
) -> None:
    """Tell whether a picture is one that was made here, and what it says about how it was made."""
    found = with_limner(data, lambda limner: limner.detect(file), json=json)
    if json:
        print_json(asdict(found))
        return
    picture, marks = found.picture, found.marks
    out.print(f"File     {picture.media_type}, {picture.width} x {picture.height}, {picture.size} bytes")
    for line in _origins(found) or [_unknown(found)]:
        out.print(f"Ours     {line}", soft_wrap=True)
    said = f"says {marks.source}" if marks.source else "says nothing"
    tool = f", made by {escape(marks.tool)}" if marks.tool else ""
    out.print(f"Mark     {said}{tool}", soft_wrap=True)
    out.print(f"C2PA     {_manifest(found)}", soft_wrap=True)


def _manifest(found: "Detected") -> str:
    """What its manifest is worth, in words."""
    report = found.manifest
    if report is None:
        has = found.marks.has_manifest
        return "has a manifest, which is not checked: install limner[provenance]" if has else "no manifest"
    if report.state is ManifestState.NONE:
        return "no manifest"
    by = "signed here" if report.ours else f"signed by {escape(report.signer or 'somebody')}"
    wrong = ", ".join(report.problems)
    words = {
        ManifestState.TRUSTED: f"valid and trusted, {by}",
        ManifestState.VALID: f"valid, {by}, who is on no list of trusted signers; not changed since",
        ManifestState.INVALID: f"NOT valid ({escape(wrong)}): changed since, or not what it claims to be",
        ManifestState.UNREADABLE: f"not readable ({escape(wrong)})",
    }
    made = f"; says {escape(report.source)}" if report.source else ""
    return words[report.state] + made


def _unknown(found: "Detected") -> str:
    if found.alike:
        return "looks like a picture that was made here, and is not the same file"
    return "not known here, by its bytes or by its look"


def _origins(found: "Detected") -> list[str]:
    what = {True: "as it was delivered, with its mark", False: "as the vendor made it"}
    alike = [f"looks like {each.name} of task {each.task}, and is not the same file" for each in found.own_alike]
    return alike or [f"{each.name} of task {each.task}, {what[each.marked]}" for each in found.own]
