"""Pydantic's errors as Problems for people: what is wrong, and what would be accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hat_sim.errors import Problem
from hat_sim.scenario import data, faults, profiles, schema, sources, trace
from hat_sim.scenario.names import ONE
from hat_sim.scenario.nearest import nearest, suggestion
from hat_sim.scenario.section import Section

_TAG = re.compile(r"<[a-z]+>|\[key\]")

Path = tuple[str | int, ...]

SECTIONS: Mapping[str, type[Section]] = {
    "": schema.Scenario,
    "data": data.Data,
    "data.generated": data.Generated,
    "method": schema.Method,
    "target": schema.Target,
    "sources": sources.SourceDistribution,
    "sources.heterogeneity": sources.Heterogeneity,
    "sources.trace": trace.Trace,
    "sources.trace.columns": trace.TraceColumns,
    "sources.*": sources.SourceDevice,
    "devices.*": profiles.OwnDevice,
    "links.*": profiles.OwnLink,
    "training": schema.Training,
    "transfer": schema.Transfer,
    "faults.*": faults.Fault,
    "availability": faults.Availability,
    "protocol": faults.ProtocolOptions,
    "rounds": schema.Rounds,
    "sweep": schema.Sweep,
}
"""The section that stands at each path, `*` for any index or name."""


def problems_of(error: ValidationError) -> list[tuple[Path, Problem]]:
    """Every problem of a scenario that failed validation, each with its path in the user's terms."""
    located = [(path_of(detail["loc"]), detail) for detail in error.errors(include_url=False)]
    around = {path[:-1] for path, _ in located if path}
    return [
        (path, _problem(path, detail))
        for path, detail in located
        if not (detail["type"] == "too_short" and path in around)  # its wrong entries are named one by one
    ]


def option_problems(prefix: str, options: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
    """Every problem of a method's options, which stand under `prefix` and are no section of ours."""
    for detail in error.errors(include_url=False):
        path = (prefix, *path_of(detail["loc"]))
        if detail["type"] == "extra_forbidden":
            key = str(path[-1])
            yield Problem(
                f'unknown option "{key}"',
                path=".".join(map(str, path)),
                hint=suggestion(key, options.model_fields),
            )
        else:
            yield _problem(path, detail)


def path_of(loc: Path) -> Path:
    """A location of pydantic's without the tags of unions and without the index of a lone name."""
    steps: list[str | int] = []
    previous: str | int = ""
    for step in loc:
        if previous != ONE and not (isinstance(step, str) and _TAG.fullmatch(step)):
            steps.append(step)
        previous = step
    return tuple(steps)


def pattern_of(path: Path) -> str:
    """The dotted path with `*` for every index and for the name of an own device or link."""
    own = path[:1] in (("devices",), ("links",))
    return ".".join(
        "*" if isinstance(step, int) or (own and depth == 1) else step for depth, step in enumerate(path)
    )


def section_at(path: Path) -> type[Section] | None:
    """The section that a path leads to, if it leads to one."""
    return SECTIONS.get(pattern_of(path))


def _problem(path: Path, detail: ErrorDetails) -> Problem:
    what, hint = _message(path, detail)
    return Problem(what, path=".".join(map(str, path)) or None, hint=hint)


def _message(path: Path, detail: ErrorDetails) -> tuple[str, str | None]:
    context: Mapping[str, Any] = detail.get("ctx", {})
    if "what" in context:
        return context["what"], context["hint"]
    kind = detail["type"]
    if kind == "missing":
        section = section_at(path[:-1])
        return "is missing", section.model_fields[str(path[-1])].description if section else None
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "model_type":
        section = section_at(path)
        keys = f"with the keys {', '.join(section.model_fields)}" if section else "of keys and values"
        return f"must be a section, got {_shown(detail['input'])}", f"a section {keys}"
    if kind == "literal_error":
        return (
            f"{_shown(detail['input'])} is not accepted",
            f"one of {context['expected'].replace(' or ', ', ')}",
        )
    wording = _WORDINGS.get(kind)
    if wording is None:
        return f"{detail['msg'][0].lower()}{detail['msg'][1:]}, got {_shown(detail['input'])}", None
    return f"{wording[0]}, got {_shown(detail['input'])}", wording[1](context)


def _unknown_key(path: Path) -> tuple[str, str]:
    key = str(path[-1])
    section = section_at(path[:-1])
    known = list(section.model_fields) if section else []
    match = nearest(key, known)
    return f'unknown key "{key}"', f'did you mean "{match}"?' if match else f"known keys: {', '.join(known)}"


def _shown(value: object) -> str:
    """A value as the user would write it, cut short where it is long."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _said(hint: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: hint


def _bound(words: str, key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: f"{words} {context[key]}"


_WORDINGS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "string_type": ("must be text", _said("put it in quotes if it is a name")),
    "string_too_short": ("must not be empty", _said("a name")),
    "string_too_long": ("is too long", _bound("at most this many characters:", "max_length")),
    "string_pattern_mismatch": (
        "is not fit for a name",
        _said("letters, digits, - and _, not starting with - or _"),
    ),
    "int_type": ("must be a whole number", _said("digits without quotes")),
    "float_type": ("must be a number", _said("digits without quotes and without a unit")),
    "finite_number": ("must be finite", _said("a finite number")),
    "bool_type": ("must be true or false", _said("true or false, without quotes")),
    "greater_than_equal": ("is too small", _bound("at least", "ge")),
    "less_than_equal": ("is too large", _bound("at most", "le")),
    "tuple_type": ("must be a list", _said("a list, such as [a, b]")),
    "dict_type": ("must be a section", _said("names with what belongs to each")),
    "path_type": ("must be a path", _said("text that names a folder")),
    "too_short": ("has too few entries", _bound("at least", "min_length")),
    "too_long": ("has too many entries", _bound("at most", "max_length")),
}
"""For each type of error, what is wrong and what would be accepted."""
