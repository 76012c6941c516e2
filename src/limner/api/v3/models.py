"""Model names of v3: those of v2 and their aliases."""

from limner.domain.model import Models
from limner.domain.refusal import Code, Refusal


def model_called(name: str, models: Models, field: str) -> str:
    """The model's own name. Raises `Refusal` 2017 for an unknown one."""
    if model := models.called(name):
        return model.name
    raise Refusal(
        Code.VERSION_UNKNOWN,
        f"there is no model {name[:100]!r}",
        suggestion=f"It may be {', '.join([*models.aliases, *models])}, or left out for the default model.",
        field=field,
    )
