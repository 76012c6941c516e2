"""What a manifest says (C2PA 2.2): the action that made the picture, and an assertion of ours with how."""

from datetime import UTC, datetime
from typing import Any, Final

from limner import __version__
from limner.ports.provenance import SigningFacts

VOCABULARY: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ASSERTION: Final = "org.limner.generation"
"""Our own assertion: the model that was asked for, what ran, and the template."""


def manifest_of(facts: SigningFacts, *, edits_parent: bool) -> dict[str, Any]:
    """The definition of a manifest for a picture that was made, or, where it `edits_parent`, marked anew.

    A parent has a manifest of its own, which says how it was made; ours then says no more than who delivers it.
    """
    generator = {"name": "Limner", "version": __version__}
    made: dict[str, Any] = {
        "label": ASSERTION,
        "data": {
            "model": facts.model,
            "made_by": facts.maker,
            "generative": facts.generative,
            **({"template": facts.template} if facts.template else {}),
            **({"template_version": facts.template_version} if facts.template_version else {}),
        },
    }
    actions = [] if edits_parent else [{"label": "c2pa.actions.v2", "data": {"actions": [_created(facts)]}}]
    return {
        "claim_generator_info": [generator],
        "format": facts.media_type,
        "ingredients": [_reference(number, digest) for number, digest in enumerate(facts.references, 1)],
        "assertions": [*actions, made],
    }


def _created(facts: SigningFacts) -> dict[str, Any]:
    return {
        "action": "c2pa.created",
        "when": datetime.fromtimestamp(facts.made_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "softwareAgent": {"name": facts.maker},
        "digitalSourceType": VOCABULARY + facts.source,
    }


def _reference(number: int, digest: str) -> dict[str, Any]:
    """A picture that was sent along: its hash alone, so that who has the picture can recognise it."""
    return {"title": f"reference {number}", "relationship": "inputTo", "instance_id": f"sha256:{digest}"}
