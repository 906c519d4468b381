"""`hat-sim report`: a run, sweep or comparison as one HTML file, and its plots as images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|SWEEP|COMPARE", help="The folder of a finished run, a sweep or a comparison."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file to write, by default FOLDER/report.html.")
    ] = None,
    png: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each plot as an image into this folder, too.")
    ] = None,
) -> None:
    """Write a report that opens in any browser, without a network."""
    from hat_sim.report.write import write_report

    for path in write_report(folder, out, png):
        print(path)
