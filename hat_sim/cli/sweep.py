"""`hat-sim sweep`: many runs of a scenario, with some of its values varied."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How the results are written."""

    parquet = "parquet"
    csv = "csv"


def sweep(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario file.")],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=VALUES",
            help="An axis: a,b,c or 0..1/0.1 or 1..1000*10; '; PATH=VALUES' behind it moves along.",
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds of each cell, from the first on.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a key of the scenario.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed.")] = None,
    hosts: Annotated[
        int | None, typer.Option(min=1, max=100, help="Processes for the sources; by default one a core.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster, not one of our own.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder that receives it.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished sweep.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run every cell again.")] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out cells that are no sound scenario.")
    ] = False,
    format: Annotated[
        Format, typer.Option(help="csv writes results.csv beside results.parquet.")
    ] = Format.parquet,
    models: Annotated[bool, typer.Option("--models", help="Keep the models of every cell.")] = False,
    reports: Annotated[bool, typer.Option("--reports", help="Write a report for every cell.")] = False,
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
            as_csv=format is Format.csv,
            models=models,
            reports=reports,
        )
    )
