"""From a scenario file to a Scenario, or to all the problems that stand in the way, in one go."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hat_sim.errors import Problem, UserError
from hat_sim.scenario import messages, salvage
from hat_sim.scenario.names import validation_context
from hat_sim.scenario.overrides import apply_overrides, put
from hat_sim.scenario.schema import Scenario
from hat_sim.scenario.tree import Tree, read_tree

Check = Callable[[Scenario], Iterable[Problem]]
"""Looks at a scenario whose every section is valid; yields Problems with a path, or raises UserError."""


@dataclass(frozen=True)
class ScenarioDocument:
    """A valid scenario and the file that it was read from."""

    scenario: Scenario
    file: Path
    tree: Tree

    def where(self, path: str) -> str | None:
        """`file:line` of a dotted path such as `sources.3.domain`, or the option that set it.

        A path that the file does not have gets the place of the nearest section around it.
        """
        return self.tree.where(path)

    def placed(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """`problems` in the order of the file, each with its place filled in where it has none."""
        return self.tree.placed(problems)


def load_scenario(
    file: Path | str,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    checks: Sequence[Check] = (),
) -> ScenarioDocument:
    """Read, override and validate a scenario file, then run `checks` over it.

    Raises UserError with every problem at once, each with its place: first what makes the file or an
    override unreadable, else all that validation and the checks find. Where validation fails, the checks
    still see the scenario with the wrong parts left out, and what they say about a section that has a
    wrong part is not passed on. Relative paths start at the file's folder.
    """
    file = Path(file)
    tree = read_tree(file)
    apply_overrides(tree, overrides, seed)
    _anchor_paths(tree.values, file.absolute().parent)
    return _checked(tree, file, checks)


def varied(
    document: ScenarioDocument,
    settings: Mapping[str, Any],
    seed: int,
    where: str,
    checks: Sequence[Check] = (),
) -> ScenarioDocument:
    """The document with other values at some dotted paths, which `where` has set, and another seed.

    Raises UserError as `load_scenario` does.
    """
    tree = Tree(copy.deepcopy(document.tree.values), dict(document.tree.places))
    for path, value in settings.items():
        put(tree, path, copy.deepcopy(value), f"{where} {path}")
    put(tree, "seed", seed, where)
    _anchor_paths(tree.values, document.file.absolute().parent)
    return _checked(tree, document.file, checks)


def _checked(tree: Tree, file: Path, checks: Sequence[Check]) -> ScenarioDocument:
    """The document of a tree that is a sound scenario; UserError with all that is wrong otherwise."""
    scenario, found = _validate(tree.values)
    problems = [problem for _, problem in found]
    wrong = [path for path, _ in found]
    if scenario is not None and not any(map(salvage.is_decisive, wrong)):
        problems += [problem for problem in _run(checks, scenario) if not _touches(problem, wrong)]
    if scenario is None or problems:
        raise UserError(tree.placed(problems))
    return ScenarioDocument(scenario, file, tree)


def _validate(values: dict[str, Any]) -> tuple[Scenario | None, list[tuple[messages.Path, Problem]]]:
    """The scenario with its wrong parts left out, if it can be had, and the problems that those parts have.

    Each pass validates what the one before left: a check over a whole section only runs when every key of
    the section is valid.
    """
    context = validation_context(values)
    values = copy.deepcopy(values)
    found: dict[messages.Path, list[Problem]] = {}
    while True:
        try:
            scenario = Scenario.model_validate(values, context=context)
        except ValidationError as error:
            fresh = [(path, problem) for path, problem in messages.problems_of(error) if path not in found]
        else:
            return scenario, _flat(found)
        if not fresh:
            return None, _flat(found)
        for path, problem in fresh:
            found.setdefault(path, []).append(problem)
        for path, _ in fresh:
            salvage.leave_out(values, path)


def _flat(found: dict[messages.Path, list[Problem]]) -> list[tuple[messages.Path, Problem]]:
    return [(path, problem) for path, problems in found.items() for problem in problems]


def _touches(problem: Problem, wrong: list[messages.Path]) -> bool:
    """Whether a problem is about something that was left out, or about what is around or inside of it."""
    path = f"{problem.path}."
    left_out = [".".join(map(str, steps)) + "." for steps in wrong]
    return any(path.startswith(other) or other.startswith(path) for other in left_out)


def _run(checks: Sequence[Check], scenario: Scenario) -> Iterable[Problem]:
    for check in checks:
        try:
            yield from check(scenario)
        except UserError as error:
            yield from error.problems


def _anchor_paths(values: dict[str, Any], base: Path) -> None:
    """Let the relative paths of a scenario start at `base`."""
    sources = values.get("sources")
    trace = sources.get("trace") if isinstance(sources, dict) else None
    places = ((values.get("data"), "folder"), (trace, "file"), (values.get("availability"), "trace"))
    for section, key in places:
        if isinstance(section, dict) and isinstance(section.get(key), str):
            section[key] = str(base / Path(section[key]).expanduser())
