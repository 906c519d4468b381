"""Dotted paths into a scenario: whether one leads anywhere, and the known one that it is most like."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hat_sim.errors import Problem
from hat_sim.scenario.messages import SECTIONS, section_at
from hat_sim.scenario.nearest import nearest, suggestion
from hat_sim.scenario.schema import Method

_OWN = frozenset({"devices", "links"})
"""Sections of things by their names."""


def unknown_path(path: str, values: Mapping[str, Any], options: Collection[str]) -> Problem | None:
    """What is wrong with a path into the scenario of these values, None if it leads somewhere.

    `options` are those of the scenario's method. What stands inside of a value, such as a count by name, is
    left to the scenario's own checks.
    """
    steps = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
    here: Any = values
    if len(steps) > 2 and steps[0] in _OWN and steps[1] not in (names := values.get(steps[0]) or {}):
        what = f'the scenario has no "{steps[1]}" among its own {steps[0]}'
        return Problem(what, hint=suggestion(str(steps[1]), names) if names else "define it whole first")
    for depth, step in enumerate(steps):
        section = section_at(steps[:depth])
        is_list = isinstance(here, list | tuple)
        if is_list and not (isinstance(step, int) and step < len(here)):
            around = ".".join(map(str, steps[:depth]))
            last = len(here) - 1
            return Problem(
                f"{around} is a list here, without an entry {step!r}", hint=f"an index up to {last}"
            )
        if section is not None and not is_list:
            known = {*section.model_fields, *(options if section is Method else ())}
            if step not in known:
                return Problem(f'unknown path "{path}"', hint=_suggestion(path, values, options))
        here = here[step] if is_list or (isinstance(here, Mapping) and step in here) else None
    return None


def _suggestion(path: str, values: Mapping[str, Any], options: Collection[str]) -> str:
    """Of the paths that end as it does the one that it is most like, else of all."""
    known = list(_known_paths(values, options))
    alike = [each for each in known if each.rpartition(".")[2] == path.rpartition(".")[2]]
    match = nearest(path, alike) or next(iter(alike), None) or nearest(path, known)
    return f'did you mean "{match}"?' if match else "`hat-sim schema` lists the keys of a scenario"


def _known_paths(values: Mapping[str, Any], options: Collection[str]) -> Iterator[str]:
    for pattern, section in SECTIONS.items():
        keys = [*section.model_fields, *(options if section is Method else ())]
        for around in _places(pattern, values):
            yield from (f"{around}.{key}" if around else key for key in keys)


def _places(pattern: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Where sections of a pattern can stand in a scenario of these values."""
    first, _, rest = pattern.partition(".")
    inside = values.get(first)
    if rest != "*":
        if not isinstance(inside, list | tuple):
            yield pattern
    elif isinstance(inside, list | tuple):
        yield from (f"{first}.{index}" for index in range(len(inside)))
    elif first in _OWN and isinstance(inside, Mapping):
        yield from (f"{first}.{name}" for name in inside)
