"""The axes of a sweep, of the command line or the scenario's own `sweep`, checked against the scenario."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hat_sim.errors import Problem, UserError
from hat_sim.methods.registry import METHODS, find_method
from hat_sim.scenario.axis import Axis, axis_of, parse_axis
from hat_sim.scenario.load import ScenarioDocument
from hat_sim.scenario.paths import unknown_path
from hat_sim.scenario.schema import Scenario
from hat_sim.scenario.tree import read_value
from hat_sim.sweep.parameters import shown

VARY, METHODS_OPTION = "--vary", "--methods"
METHOD_PATHS = frozenset({"method", "method.name"})
"""Paths of which a text is the name of a method."""


def axes_of(document: ScenarioDocument, given: Sequence[str | Axis]) -> tuple[Axis, ...]:
    """The axes of `--vary` options, and those that are ready; where there are none, of the file's `sweep`.

    UserError where an axis is wrong, leads nowhere, or where there is none.
    """
    axes = [it if isinstance(it, Axis) else parse_axis(it, VARY) for it in given]
    axes = axes or list(_axes_of_file(document))
    if not axes:
        hint = f"{VARY} PATH=V1,V2,... or a `sweep` section in the file"
        raise UserError("nothing is varied", hint=hint)
    problems = list(_path_problems(document.scenario, document.tree.values, axes))
    if problems:
        raise UserError(problems)
    return tuple(axes)


def methods_axis(text: str | None) -> Axis:
    """The axis of a comparison's methods: `a,b,...` as a user lists them or, for None, all built-in ones.

    UserError where the list is empty or cannot be read.
    """
    listed = list(METHODS) if text is None else read_value(f"[{text}]", METHODS_OPTION)
    return axis_of({"method": listed}, METHODS_OPTION)


def reference_of(methods: Axis, against: str | None) -> str:
    """The method that the others are held against, as it is shown: by default hat, or else the first.

    UserError where `against` is none of them.
    """
    names = [str(shown(method)) for (method,) in methods.settings]
    if against is None:
        return "hat" if "hat" in names else names[0]
    if against not in names:
        raise UserError(f'--against: "{against}" is not compared', hint=f"one of {', '.join(names)}")
    return against


def _axes_of_file(document: ScenarioDocument) -> Iterator[Axis]:
    sweep = document.scenario.sweep
    if sweep is None:
        return
    where = f"{document.where('sweep.vary') or document.file}: sweep.vary"
    entries = [{path: it} for path, it in sweep.vary.items()] if isinstance(sweep.vary, dict) else sweep.vary
    yield from (axis_of(entry, where) for entry in entries)


def _path_problems(scenario: Scenario, values: Mapping[str, Any], axes: Sequence[Axis]) -> Iterator[Problem]:
    """Paths that lead nowhere, meet each other, or are no affair of an axis."""
    options = _options_of(_methods_of(scenario, axes))
    before: list[str] = []
    for where, path in ((axis.where, path) for axis in axes for path in axis.paths):
        problem = _refusal(path) or _meeting(path, before) or unknown_path(path, values, options)
        if problem is not None:
            yield replace(problem, where=f"{where} {path}")
        before.append(path)


def _refusal(path: str) -> Problem | None:
    """Why a path can be no axis of any sweep."""
    if path == "seed":
        return Problem("seeds are no axis", hint="--seeds N repeats each cell at N seeds")
    if path == "target":
        return Problem("the target is no axis as a whole", hint="vary its keys, such as target.link")
    if path.partition(".")[0] == "sweep":
        return Problem("a sweep cannot vary itself", hint="a path outside of `sweep`")
    return None


def _meeting(path: str, others: Sequence[str]) -> Problem | None:
    """What is wrong with a path that stands on two axes, or inside of what another varies as a whole."""
    for other in others:
        if path == other:
            return Problem("the path stands on two axes", hint="all its values on one")
        inner, outer = max(path, other, key=len), min(path, other, key=len)
        if inner.startswith(f"{outer}."):
            hint = f"values of {outer} that say what {inner} is, such as {outer}={{...}}"
            return Problem(f"{inner} is a part of {outer}, which varies as well", hint=hint)
    return None


def _methods_of(scenario: Scenario, axes: Sequence[Axis]) -> Iterator[str]:
    """The methods that cells may have: the scenario's own, and those that stand on axes."""
    yield scenario.method.name
    for axis in axes:
        for path, values in zip(axis.paths, zip(*axis.settings, strict=True), strict=True):
            if path in METHOD_PATHS:
                names = (it.get("name") if isinstance(it, Mapping) else it for it in values)
                yield from (it for it in names if isinstance(it, str))


def _options_of(methods: Iterable[str]) -> set[str]:
    """The options that any of the methods has; a name that no method has is told of by its cells."""
    found: set[str] = set()
    for name in methods:
        with suppress(LookupError):
            found.update(find_method(name).options.model_fields)
    return found
