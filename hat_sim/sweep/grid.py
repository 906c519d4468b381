"""The grid of a sweep: its axes crossed, at each seed, and which of its cells are sound scenarios.

A cell is named by its content, so the same one has the same name in every grid.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from hat_sim.errors import Problem, UserError
from hat_sim.preflight import Plan, Preparation, vary_checked
from hat_sim.scenario.axis import Axis
from hat_sim.scenario.load import ScenarioDocument
from hat_sim.scenario.resolved import resolved_scenario
from hat_sim.scenario.schema import Scenario
from hat_sim.simulation.archive import identity_of
from hat_sim.simulation.result import Identity
from hat_sim.sweep.axes import METHOD_PATHS, VARY, axes_of
from hat_sim.sweep.parameters import parameters_of, shown

MOST_CELLS = 100_000
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

    def columns(self, paths: Sequence[str]) -> list[Any]:
        """What stands in the table of results under some paths of the axes: parameters, in base units."""
        return [self.parameters.get(path, shown(self.settings[path])) for path in paths]


def place_of(settings: Mapping[str, Any]) -> str:
    """Values on the axes in words: `method.eta=0.4, target.link=lte`."""
    return ", ".join(f"{path}={in_words(value)}" for path, value in settings.items())


def in_words(value: Any) -> str:
    """One value, cut short where it is long."""
    value = shown(value)
    text = f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."


def sweep_problems(document: ScenarioDocument, data: bool) -> tuple[Problem, ...]:
    """What is wrong with the cells of a file's own `sweep`, with their `data` or as far as shows without."""
    unsound: dict[str, Iterable[Problem]] = {}
    preparation = Preparation()
    for settings in _crossed(axes_of(document, ())):
        try:
            varied = _varied(document, settings, document.scenario.seed)
            if data:
                preparation.plan(varied)
        except UserError as error:
            unsound[place_of(settings)] = error.problems
    return gathered(unsound, f"{document.where('sweep')}: ")


def gathered(unsound: Mapping[str, Iterable[Problem]], before: str = "") -> tuple[Problem, ...]:
    """Problems of cells by place, each once with all its places, and not with the option that set a value.

    `before` stands before the places.
    """
    places: defaultdict[Problem, list[str]] = defaultdict(list)
    for place, problems in unsound.items():
        for problem in dict.fromkeys(replace(it, where=None) for it in problems):
            places[problem].append(place)
    return tuple(replace(problem, where=f"{before}{'; '.join(at)}") for problem, at in places.items())


class Grid:
    """All cells of a sweep over `axes` at `seeds`, in the order of the axes; those of one content once.

    UserError where there are too many. `check` may refuse a plan by a UserError. Cells that are not sound are
    `left_out`, and `unsound` holds their problems by place. `notes` are what a user should know before
    trusting any figure.
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
        count = math.prod(len(axis.settings) for axis in axes) * len(seeds)
        if count > MOST_CELLS:
            raise UserError(
                f"the sweep has {count:,} cells", hint=f"at most {MOST_CELLS:,}: fewer values or seeds"
            )
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
                    found = self.unsound.setdefault(place_of(settings), {})
                    found.update(dict.fromkeys(error.problems))
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

    def columns(self, axis: Axis) -> list[list[Any] | None]:
        """What the values at each place of an axis are in the table of results; None without a cell."""
        found = {
            repr([cell.settings[path] for path in axis.paths]): cell.columns(axis.paths)
            for cell in reversed(self.cells)
        }
        return [found.get(repr(list(setting))) for setting in axis.settings]

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
    return vary_checked(document, dict(_written(settings, document.scenario)), seed, VARY)


def _written(settings: Mapping[str, Any], scenario: Scenario) -> Iterator[tuple[str, Any]]:
    """The values as the file would have them; a method by its name alone, before any option of its own.

    The file's options stay with the file's method: another one would not know them.
    """
    for path in METHOD_PATHS & settings.keys():
        if isinstance(name := settings[path], str):
            yield (
                "method",
                {"name": name, **(scenario.method.options if name == scenario.method.name else {})},
            )
    for path, value in settings.items():
        if path not in METHOD_PATHS or not isinstance(value, str):
            yield path, value


def _without(values: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Plain values without what stands at some dotted paths."""
    for path in paths:
        holder: Any = values
        *around, last = path.split(".")
        for step in around:
            is_index = isinstance(holder, list) and step.isdecimal() and int(step) < len(holder)
            holder = holder[int(step)] if is_index else holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(last, None)
    return values
