"""A figure: a measured number, where it stands in a table, what bounds it, and the command that gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Bound:
    """The value that a figure may reach at most, or must reach at least, in the figure's unit."""

    sense: Literal["at most", "at least"]
    value: float

    def admits(self, value: float) -> bool:
        return value <= self.value if self.sense == "at most" else value >= self.value


@dataclass(frozen=True)
class Figure:
    """A number in the column `name` and the row `row` of `table`.

    `interval` is a 95 % interval; `reference` says in words what the bound is made of, `note` what a reader
    needs to know, above all where the bound does not hold. `command` measures it again.
    """

    table: str
    row: str
    name: str
    value: float
    unit: str
    command: str
    interval: tuple[float, float] | None = None
    reference: str = ""
    bound: Bound | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the bound holds; None where there is none."""
        return None if self.bound is None else self.bound.admits(self.value)

    def to_json(self) -> dict[str, Any]:
        """The figure as JSON values; what is empty is left out."""
        bound = self.bound and {"sense": self.bound.sense, "value": self.bound.value, "holds": self.holds}
        optional = {
            "interval": self.interval and list(self.interval),
            "reference": self.reference,
            "bound": bound,
            "note": self.note,
        }
        return {
            "table": self.table,
            "row": self.row,
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            **{key: value for key, value in optional.items() if value},
            "command": self.command,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Figure:
        """What `to_json` gave; whether the bound holds is judged anew."""
        low, high = fields.get("interval", (None, None))
        bound = fields.get("bound")
        return cls(
            **{key: value for key, value in fields.items() if key not in ("interval", "bound")},
            interval=None if low is None else (low, high),
            bound=None if bound is None else Bound(bound["sense"], bound["value"]),
        )


def shown(value: float, unit: str) -> str:
    """A value with its unit: counts and bytes whole, shares to a tenth, the rest to three digits."""
    match unit:
        case "B" | "":
            text = f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.1f}"
        case "%":
            text = f"{value:.1f}"
        case "points":
            text = f"{value:+.1f}"
        case "ratio":
            return f"{value:.2f}x"
        case _:
            text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def shown_figure(figure: Figure) -> str:
    """The value with its unit and, where there is one, its interval."""
    text = shown(figure.value, figure.unit)
    if figure.interval is None:
        return text
    low, high = (shown(end, figure.unit).removesuffix(f" {figure.unit}") for end in figure.interval)
    return f"{text} ({low} to {high})"
