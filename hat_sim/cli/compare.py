"""`hat-sim compare`: methods on the same targets, sources and seeds, with paired statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hat_sim.cli.sweep import Format


def compare(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario file.")],
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="Methods; one with options is {name: aver, alpha: 0.5}. By default all."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="METHOD", help="What the others are held against: hat, or the first method."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds of each cell, from the first on.")] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=VALUES", help="Another axis, such as target.labels_per_class=1,2,5."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a key of the scenario.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed.")] = None,
    hosts: Annotated[
        int | None, typer.Option(min=1, max=100, help="Processes for the sources; by default one a core.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster, not one of our own.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder that receives it.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished comparison.")] = False,
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
    """Compare methods: accuracy with intervals, paired differences, bytes, time and energy."""
    from hat_sim.cli.sweeping import Request, run_sweep
    from hat_sim.sweep.axes import methods_axis, reference_of

    axis = methods_axis(methods)
    run_sweep(
        Request(
            scenario=scenario,
            vary=(axis, *(vary or ())),
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
            reference=reference_of(axis, against),
        )
    )
