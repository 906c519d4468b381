"""`hat-sim validate`: is a scenario file sound, and if not, everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hat_sim.scenario.load import ScenarioDocument
    from hat_sim.scenario.schema import Scenario


def validate(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="The scenario files.")],
    data: Annotated[
        bool, typer.Option("--data", help="Check data, labels and memory as well; fetches packaged data.")
    ] = False,
) -> None:
    """Check scenario files and report all their problems at once."""
    from hat_sim.errors import Problem, UserError
    from hat_sim.preflight import load_checked, prepare

    problems: list[Problem] = []
    for file in scenarios:
        try:
            document = load_checked(file)
            if document.scenario.sweep is not None:
                _check_sweep(document, data)
            if data:
                prepare(document)
        except UserError as error:
            problems.extend(error.problems)
        else:
            print(f"{file}: {_summary(document.scenario)}")
    if problems:
        raise UserError(problems)


def _check_sweep(document: ScenarioDocument, data: bool) -> None:
    """UserError with what is wrong with the cells of the file's own sweep, with their data or without."""
    from hat_sim.errors import UserError
    from hat_sim.sweep.grid import sweep_problems

    problems = sweep_problems(document, data)
    if problems:
        raise UserError(problems)


def _summary(scenario: Scenario) -> str:
    """The scenario's name, and how many targets and sources each of its worlds has."""
    from hat_sim.preflight import known_facts
    from hat_sim.scenario.schema import source_count, target_count

    facts = known_facts(scenario.data)
    domains = None if facts is None else len(facts.domains)
    targets, sources = target_count(scenario, domains), source_count(scenario, domains)
    rounds = scenario.rounds
    when = "" if rounds is None else f" in {_counted(len(rounds.domains), 'round')}"
    return f"{scenario.name}, {_counted(targets, 'target')}{when}, {_counted(sources, 'source')}"


def _counted(number: int | None, noun: str) -> str:
    if number is None:
        return f"as many {noun}s as the data have domains for"
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
