"""`hat-sim compare`: methods on the same targets, sources and seeds, with paired statistics."""

from __future__ import annotations

from typing import Annotated

import typer

from hat_sim.cli import options


def compare(
    scenario: options.Scenario,
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
    seeds: options.Seeds = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=VALUES", help="Another axis, such as target.labels_per_class=1,2,5."),
    ] = None,
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
            as_csv=format is options.Format.csv,
            models=models,
            reports=reports,
            reference=reference_of(axis, against),
        )
    )
