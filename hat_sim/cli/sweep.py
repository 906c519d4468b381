"""`hat-sim sweep`: many runs of a scenario, with some of its values varied."""

from __future__ import annotations

from typing import Annotated

import typer

from hat_sim.cli import options


def sweep(
    scenario: options.Scenario,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=VALUES",
            help="An axis: a,b,c or 0..1/0.1 or 1..1000*10; '; PATH=VALUES' behind it moves along.",
        ),
    ] = None,
    seeds: options.Seeds = None,
    overrides: options.Overrides = None,
    seed: options.FirstSeed = None,
    hosts: options.Hosts = None,
    address: options.Address = None,
    out: options.Out = None,
    resume: options.Resume = False,
    force: options.ForceCells = False,
    skip_invalid: options.SkipInvalid = False,
    format: options.ResultFormat = options.Format.parquet,
    models: options.Models = False,
    reports: options.Reports = False,
) -> None:
    """Run a scenario over a grid of values, and write one table of results and a report."""
    from hat_sim.cli.sweeping import Request, run_sweep

    run_sweep(
        Request(
            scenario=scenario,
            vary=tuple(vary or ()),
            overrides=tuple(overrides or ()),
            seed=seed,
            seeds=seeds,
            hosts=hosts,
            address=address,
            out=out,
            resume=resume,
            force=force,
            skip_invalid=skip_invalid,
            as_csv=format is options.Format.csv,
            models=models,
            reports=reports,
        )
    )
