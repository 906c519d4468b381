"""The parameters of a cell as columns: every value of its scenario by dotted path, as a number or a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hat_sim.preflight import Plan
from hat_sim.scenario.section import Section

Value = bool | int | float | str | None

_NOT_PARAMETERS = frozenset({"name", "seed", "sweep"})


def parameters_of(plan: Plan) -> dict[str, Value]:
    """Every value of a plan's scenario, defaults included, quantities in their base units.

    Sources that are listed one by one, and profiles of the catalogue, are left out.
    """
    found = {
        path: value
        for path, value in _leaves(plan.scenario, "")
        if path.partition(".")[0] not in _NOT_PARAMETERS
    }
    options = {f"method.{key}": shown(value) for key, value in plan.options.model_dump().items()}
    return found | options


def shown(value: Any) -> Value:
    """A value in one cell of a table: a number as it is, several words as one text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        if set(value) == {"name"}:
            return str(value["name"])
        return "{" + ", ".join(f"{key}: {shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return ", ".join(str(shown(each)) for each in value)
    return str(value)


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """The last part of each path, or the whole where two end alike."""
    last = Counter(path.rpartition(".")[2] for path in paths)
    return {path: name if last[name := path.rpartition(".")[2]] == 1 else path for path in paths}


def _leaves(section: Section, around: str) -> Iterator[tuple[str, Value]]:
    for key in type(section).model_fields:
        value = getattr(section, key)
        path = f"{around}.{key}" if around else key
        if isinstance(value, Section):
            yield from _leaves(value, path)
        elif key == "faults":
            for place, fault in enumerate(value):
                yield from _leaves(fault, f"{path}.{place}")
        elif isinstance(value, Mapping) and any(isinstance(each, Section) for each in value.values()):
            for name, each in value.items():
                yield from _leaves(each, f"{path}.{name}")
        elif value != {} and not (isinstance(value, tuple) and any(isinstance(it, Section) for it in value)):
            yield path, shown(value)
