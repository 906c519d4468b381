"""The options that several verbs share, each worded once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How the results of a sweep are written."""

    parquet = "parquet"
    csv = "csv"


Scenario = Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a key of the scenario.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="The seed, in place of the scenario's.")]
Address = Annotated[str | None, typer.Option(help="A running Ray cluster, not one of our own.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="The folder that receives it.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what is unfinished.")]

Seeds = Annotated[int | None, typer.Option(min=1, help="Seeds of each cell, from the first on.")]
FirstSeed = Annotated[int | None, typer.Option(min=0, help="The first seed.")]
Hosts = Annotated[
    int | None, typer.Option(min=1, max=100, help="Processes for the sources; by default one a core.")
]
ForceCells = Annotated[bool, typer.Option("--force", help="Run every cell again.")]
SkipInvalid = Annotated[
    bool, typer.Option("--skip-invalid", help="Leave out cells that are no sound scenario.")
]
ResultFormat = Annotated[Format, typer.Option(help="csv writes results.csv beside results.parquet.")]
Models = Annotated[bool, typer.Option("--models", help="Keep the models of every cell.")]
Reports = Annotated[bool, typer.Option("--reports", help="Write a report for every cell.")]
