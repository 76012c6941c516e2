"""What Make shows an account that has no pictures yet: things to try, and for operators what real models need."""

from collections.abc import Sequence
from dataclasses import dataclass

from limner.application.generation.routing import Routing
from limner.providers.declarations import declarations

MODELS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Idea:
    """A template with words that show what it does; the texts are English sentences."""

    template: str
    title: str
    say: str
    prompt: str


@dataclass(frozen=True, slots=True)
class VendorHint:
    """A vendor, some of the models it serves, how many there are besides, and the variable that makes it active."""

    title: str
    models: str
    more: int
    variable: str
    active: bool


IDEAS = (
    Idea("t_pose", "A character to rig", "T-pose, arms level, feet in frame", "a superhero with a red cape and a mask"),
    Idea("print_clay", "Something to print", "One colour, deep relief, flat base", "a fox with a golden crown"),
    Idea("figure", "A figure to collect", "Stylised, on a clear base", "a friendly robot with two antennas"),
    Idea("head_extraction", "A head alone", "Large, facing us, ready to sculpt from", "a wizard with a blue hat"),
    Idea("asset_extraction", "Every object by itself", "Ready to become 3D models", "a castle guarded by a dragon"),
)


def vendor_hints(routing: Routing) -> Sequence[VendorHint]:
    """The vendors that routes lead to, in their order."""
    served = dict[str, list[str]]()
    for model, routes in routing.routes.items():
        for provider in dict.fromkeys(route.provider for route in routes):
            served.setdefault(provider, []).append(routing.models[model].title)
    return [
        VendorHint(
            vendor.title,
            ", ".join(served[name][:MODELS_NAMED]),
            max(0, len(served[name]) - MODELS_NAMED),
            vendor.required.environment_variable,
            name in routing.providers,
        )
        for name, vendor in declarations().items()
        if name in served
    ]
