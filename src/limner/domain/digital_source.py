"""How a picture came to be, in the terms of IPTC's "Digital Source Type" vocabulary."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class DigitalSource(StrEnum):
    """The terms that apply here; the value is the term's name in the vocabulary."""

    GENERATED = "trainedAlgorithmicMedia"
    """Made by a trained model."""
    GENERATED_FROM_PICTURES = "compositeWithTrainedAlgorithmicMedia"
    """Made by a trained model from the caller's pictures."""
    DRAWN = "algorithmicMedia"
    """Drawn by rule, with nothing trained."""
    COMPOSED = "compositeSynthetic"
    """Composed by rule from the caller's pictures."""


def digital_source(served_by: Mapping[str, Any] | None, *, references: bool) -> DigitalSource:
    """What really ran; `references` says whether the caller's pictures were used.

    A provider that does not say whether it generates counts as one that does.
    """
    if (served_by or {}).get("generative", True):
        return DigitalSource.GENERATED_FROM_PICTURES if references else DigitalSource.GENERATED
    return DigitalSource.COMPOSED if references else DigitalSource.DRAWN
