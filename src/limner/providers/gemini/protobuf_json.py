"""Fields of protobuf JSON, whose names may be written in camelCase or snake_case."""

from typing import Any


def get_field(value: Any, *names: str) -> Any:
    """The field under the first of `names` that is present: protobuf JSON allows camelCase and snake_case."""
    return next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None


def get_list(value: Any, name: str) -> list[Any]:
    found = get_field(value, name)
    return found if isinstance(found, list) else []
