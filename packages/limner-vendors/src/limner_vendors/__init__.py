"""Emulators of the vendors: strict about their protocols, with real pictures and scripted faults.

async with Vendors.running(["bfl", "openai"]) as emulators:
    emulators.faults("bfl").add(Fault(FaultKind.UNAVAILABLE, times=2))
    ...
    card = read_card(picture)
    assert card.prompt_sha == emulators.purchases("bfl")[0].prompt_sha
    assert emulators.violations() == []
"""

from limner_vendors._core.faults import BadFault, Fault, FaultKind, Faults
from limner_vendors._core.jobs import EmulatedSpeed
from limner_vendors._core.pictures import Bands, Card, NoCard, read_bands, read_card, sha_of
from limner_vendors._core.purchase_records import Purchase, Violation
from limner_vendors.emulators import NAMES, UnknownVendor, Vendors

__all__ = [
    "NAMES",
    "BadFault",
    "Bands",
    "Card",
    "EmulatedSpeed",
    "Fault",
    "FaultKind",
    "Faults",
    "NoCard",
    "Purchase",
    "UnknownVendor",
    "Vendors",
    "Violation",
    "read_bands",
    "read_card",
    "sha_of",
]
