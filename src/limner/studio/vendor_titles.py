"""The names of vendors as readers know them."""

from limner.providers.declarations import declarations
from limner.studio.texts import Texts

ENGINE = "builtin"
SANDBOX = "sandbox"


def vendor_title(provider: str, t: Texts) -> str:
    """What stands behind a provider: "Black Forest Labs" for `bfl`; an operator's own provider has its own name."""
    if provider == ENGINE:
        return t("the built-in engine")
    if provider == SANDBOX:
        return t("the sandbox")
    declared = declarations().get(provider)
    return declared.title if declared else provider


def in_queue_of(provider: str, t: Texts) -> str:
    """That a job waits at a provider, short enough for a card."""
    name = vendor_title(provider, t).partition(",")[0]
    return t("in the vendor’s queue") if " " in name else t("in {vendor}’s queue", vendor=name)
