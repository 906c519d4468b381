"""`hat-sim plan`: what a run will cost, before anything is trained."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from hat_sim.cli import options


class Format(StrEnum):
    """How to print a plan."""

    table = "table"
    json = "json"


def plan(
    scenario: options.Scenario,
    overrides: options.Overrides = None,
    seed: options.Seed = None,
    format: Annotated[Format, typer.Option(help="Tables to read, or JSON.")] = Format.table,
) -> None:
    """Say what a run will cost, in bytes, time and energy, and whether it fits; fetches packaged data."""
    from hat_sim.errors import UserError
    from hat_sim.forecast import forecast
    from hat_sim.forecast.content import content_of
    from hat_sim.preflight import load_checked, prepare

    document = load_checked(scenario, overrides or (), seed)
    prepared = prepare(document)
    try:
        content = content_of(forecast(prepared))
    except UserError as error:
        raise UserError(document.placed(error.problems)) from None
    if format is Format.json:
        import json

        print(json.dumps(content, indent=1))
    else:
        from rich.console import Console

        from hat_sim.cli.plan_display import print_plan

        print_plan(Console(), content)
