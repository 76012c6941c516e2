"""A figure and how it is printed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    unit: str

    def __str__(self) -> str:
        digits = 0 if self.value >= 100 else 2
        return f"{self.name} {self.value:.{digits}f} {self.unit}"

    def as_json(self) -> dict[str, float | str]:
        return {"value": round(self.value, 3), "unit": self.unit}
