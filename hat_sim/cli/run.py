"""`hat-sim run`: a scenario becomes a run folder."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from hat_sim.cli import options


def run(
    scenario: options.Scenario,
    overrides: options.Overrides = None,
    seed: options.Seed = None,
    hosts: Annotated[
        str | None,
        typer.Option(metavar="N|per-device", help="Processes for the sources; by default one a core."),
    ] = None,
    address: options.Address = None,
    out: options.Out = None,
    resume: options.Resume = False,
    force: Annotated[bool, typer.Option("--force", help="Run again, in place of what is there.")] = False,
) -> None:
    """Run a scenario and write its run folder."""
    from hat_sim.cli.running import run_scenario

    run_scenario(scenario, overrides or (), seed, _hosts(hosts), address, out, resume, force)


def _hosts(text: str | None) -> int | Literal["per-device"] | None:
    """The number of hosts; BadParameter where it is neither positive nor `per-device`."""
    if text is None:
        return None
    if text == "per-device":
        return "per-device"
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise typer.BadParameter(f"{text} is neither a positive number nor per-device", param_hint="--hosts")
