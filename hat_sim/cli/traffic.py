"""`hat-sim traffic`: what a run sent over its links, from its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hat_sim.protocol.ledger import Traffic
    from hat_sim.simulation.run_folder import RunFolder


class By(StrEnum):
    """What to add up by; a device counts what it sends, a link is the sender's and the receiver's."""

    phase = "phase"
    kind = "kind"
    device = "device"
    link = "link"
    outcome = "outcome"


_COLUMNS = {By.phase: "phase", By.kind: "kind", By.device: "sender", By.outcome: "outcome"}


class Format(StrEnum):
    """How to print traffic."""

    table = "table"
    csv = "csv"
    json = "json"


def traffic(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    by: Annotated[By, typer.Option(help="What to add up by.")] = By.phase,
    format: Annotated[Format, typer.Option(help="A table to read, or CSV, or JSON.")] = Format.table,
) -> None:
    """Show the traffic of a run: payload bytes, bytes on the wire and frames."""
    from hat_sim.protocol.ledger import Traffic, traffic_by
    from hat_sim.simulation.run_folder import RunFolder

    run = RunFolder(folder)
    run.read_result()
    ledger = run.read_ledger()
    labels = _links(run, ledger) if by is By.link else _column(ledger, _COLUMNS[by])
    found = traffic_by(
        zip(labels, _column(ledger, "payload_bytes"), _column(ledger, "wire_bytes"), strict=True)
    )
    _PRINTERS[format](by, found, sum(found.values(), Traffic()))


def _links(run: RunFolder, ledger: Any) -> list[str]:
    """For each frame the access links that it crossed, such as `wifi > lte`."""
    fleet = run.read_fleet()
    devices = zip(_column(fleet, "target"), _column(fleet, "name"), strict=True)
    link = dict(zip(devices, _column(fleet, "link"), strict=True))
    frames = zip(*(_column(ledger, name) for name in ("target", "sender", "receiver")), strict=True)
    return [f"{link[target, sender]} > {link[target, receiver]}" for target, sender, receiver in frames]


def _column(table: Any, name: str) -> list[Any]:
    values: list[Any] = table.column(name).to_pylist()
    return values


def _print_table(by: By, found: Mapping[str, Traffic], total: Traffic) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_footer=True)
    table.add_column(by.value, "all")
    for name, value in (("payload B", total.payload_bytes), ("wire B", total.wire_bytes)):
        table.add_column(name, f"{value:,}", justify="right")
    table.add_column("frames", f"{total.frames:,}", justify="right")
    for label, it in found.items():
        table.add_row(label, f"{it.payload_bytes:,}", f"{it.wire_bytes:,}", f"{it.frames:,}")
    Console().print(table)


def _print_csv(by: By, found: Mapping[str, Traffic], total: Traffic) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([by.value, "payload_bytes", "wire_bytes", "frames"])
    for label, it in found.items():
        writer.writerow([label, it.payload_bytes, it.wire_bytes, it.frames])


def _print_json(by: By, found: Mapping[str, Traffic], total: Traffic) -> None:
    import json
    from dataclasses import asdict

    rows = [{by.value: label, **asdict(it)} for label, it in found.items()]
    print(json.dumps({"by": by.value, "rows": rows, "total": asdict(total)}, indent=1))


_PRINTERS = {Format.table: _print_table, Format.csv: _print_csv, Format.json: _print_json}
