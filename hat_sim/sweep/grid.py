"""The grid of a sweep: its axes crossed, at each seed, and which of its cells are sound scenarios.

A cell is named by its content, so the same one has the same name in every grid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from hat_sim.errors import Problem, UserError
from hat_sim.methods.registry import find_method
from hat_sim.preflight import Plan, Preparation, vary_checked
from hat_sim.scenario.axis import Axis, axis_of, parse_axis
from hat_sim.scenario.load import ScenarioDocument
from hat_sim.scenario.paths import unknown_path
from hat_sim.scenario.resolved import resolved_scenario
from hat_sim.scenario.schema import Scenario
from hat_sim.simulation.archive import identity_of
from hat_sim.simulation.result import Identity
from hat_sim.sweep.parameters import parameters_of, shown

VARY = "--vary"
_NAME_DIGITS = 12
_MOST_LETTERS = 40


@dataclass(frozen=True)
class Cell:
    """One place of the grid at one seed; `settings` are its values on the axes, by path."""

    settings: Mapping[str, Any]
    identity: Identity
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of its content; cells of several seeds share it."""
        return self.identity.scenario_sha256[:_NAME_DIGITS]

    @property
    def seed(self) -> int:
        return self.identity.seed


def place_of(settings: Mapping[str, Any]) -> str:
    """Values on the axes in words: `method.eta=0.4, target.link=lte`."""
    return ", ".join(f"{path}={in_words(value)}" for path, value in settings.items())


def in_words(value: Any) -> str:
    """One value, cut short where it is long."""
    value = shown(value)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."


def axes_of(document: ScenarioDocument, given: Sequence[str]) -> tuple[Axis, ...]:
    """The axes of `--vary` options or, where there are none, of the file's `sweep`.

    UserError where an axis is wrong, leads nowhere, or where there is none.
    """
    axes = [parse_axis(text, VARY) for text in given] or list(_axes_of_file(document))
    if not axes:
        hint = f"{VARY} PATH=V1,V2,... or a `sweep` section in the file"
        raise UserError("nothing is varied", hint=hint)
    problems = list(_path_problems(document, axes))
    if problems:
        raise UserError(document.placed(problems) if not given else problems)
    return tuple(axes)


def _axes_of_file(document: ScenarioDocument) -> Iterator[Axis]:
    sweep = document.scenario.sweep
    if sweep is None:
        return
    where = document.where("sweep.vary") or str(document.file)
    entries = [{path: it} for path, it in sweep.vary.items()] if isinstance(sweep.vary, dict) else sweep.vary
    yield from (axis_of(entry, f"{where}: sweep.vary") for entry in entries)


def _path_problems(document: ScenarioDocument, axes: Sequence[Axis]) -> Iterator[Problem]:
    """Paths that lead nowhere, stand twice, or are no affair of an axis."""
    scenario = document.scenario
    options = find_method(scenario.method.name).options.model_fields
    seen: set[str] = set()
    for path in (path for axis in axes for path in axis.paths):
        where = f"{VARY} {path}"
        if path == "seed":
            yield Problem("seeds are no axis", where=where, hint="--seeds N repeats each cell at N seeds")
        elif path.partition(".")[0] == "sweep":
            yield Problem("a sweep cannot vary itself", where=where, hint="a path outside of `sweep`")
        elif path in seen:
            yield Problem("the path stands on two axes", where=where, hint="all its values on one")
        elif (problem := unknown_path(path, document.tree.values, options)) is not None:
            yield Problem(problem.what, where=where, hint=problem.hint)
        seen.add(path)


def sweep_problems(document: ScenarioDocument) -> Iterator[Problem]:
    """What is wrong with the cells of a file's own `sweep`, as far as shows without its data."""
    for settings in _crossed(axes_of(document, ())):
        try:
            _varied(document, settings, document.scenario.seed)
        except UserError as error:
            yield from _placed(error, f"{document.where('sweep')}: {place_of(settings)}")


def _placed(error: UserError, where: str) -> Iterator[Problem]:
    """Problems of a cell, placed there and not at the option that has set the value."""
    return (replace(problem, where=where) for problem in error.problems)


class Grid:
    """All cells of a sweep over `axes` at `seeds`, in the order of the axes; those of one content once.

    `check` may refuse a plan by a UserError. Cells that are not sound are `left_out`, and
    `unsound` holds their problems by place. `notes` are what a user should know before trusting any figure.
    """

    def __init__(
        self,
        document: ScenarioDocument,
        axes: Sequence[Axis],
        seeds: Sequence[int],
        check: Callable[[Plan], None] = lambda plan: None,
    ) -> None:
        self.document = document
        self.axes = tuple(axes)
        self.seeds = tuple(seeds)
        self._preparation = Preparation()
        cells: dict[tuple[str, int], Cell] = {}
        self.unsound: dict[str, dict[Problem, None]] = {}
        self.left_out = 0
        notes: dict[str, None] = {}
        for settings in _crossed(self.axes):
            for seed in seeds:
                try:
                    plan = self._plan(settings, seed)
                    check(plan)
                except UserError as error:
                    place = place_of(settings)
                    found = dict.fromkeys(_placed(error, place))
                    self.unsound[place] = self.unsound.get(place, {}) | found
                    self.left_out += 1
                else:
                    cell = Cell(settings, identity_of(plan), parameters_of(plan))
                    cells.setdefault((cell.name, seed), cell)
                    notes.update(dict.fromkeys(plan.notes))
        self.cells = tuple(cells.values())
        self.notes = tuple(notes)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for axis in self.axes for path in axis.paths)

    def plan(self, cell: Cell) -> Plan:
        """The plan of a cell, made anew: a large fleet takes more memory than all the rest of a cell."""
        return self._plan(cell.settings, cell.seed)

    def sha256(self) -> str:
        """Which question the sweep asks: its scenario but for what is varied, and the paths that are."""
        plain = _without(resolved_scenario(self.document.scenario), ["seed", "data.folder", *self.paths])
        text = json.dumps([plain, sorted(self.paths)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _plan(self, settings: Mapping[str, Any], seed: int) -> Plan:
        return self._preparation.plan(_varied(self.document, settings, seed))


def _crossed(axes: Sequence[Axis]) -> Iterator[dict[str, Any]]:
    """The settings of every cell, in the order of the axes."""
    paths = [path for axis in axes for path in axis.paths]
    for places in product(*(axis.settings for axis in axes)):
        yield dict(zip(paths, (value for place in places for value in place), strict=True))


def _varied(document: ScenarioDocument, settings: Mapping[str, Any], seed: int) -> ScenarioDocument:
    written = {path: _written(path, value, document.scenario) for path, value in settings.items()}
    return vary_checked(document, written, seed, VARY)


def _written(path: str, value: Any, scenario: Scenario) -> Any:
    """A value as the file would have it: a method's name alone keeps the options that it has there."""
    if path == "method" and isinstance(value, str):
        kept = scenario.method.options if value == scenario.method.name else {}
        return {"name": value, **kept}
    return value


def _without(values: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Plain values without what stands at some dotted paths."""
    for path in paths:
        holder: Any = values
        *around, last = path.split(".")
        for step in around:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(last, None)
    return values
