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


MOST_ROWS = 200
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
    from hat_sim.protocol.ledger import Traffic
    from hat_sim.simulation.run_folder import RunFolder
    from hat_sim.simulation.traffic import traffic_in

    run = RunFolder(folder)
    run.read_result()
    ledger = run.read_ledger()
    found = traffic_in(ledger, _links(run, ledger) if by is By.link else ledger[_COLUMNS[by]])
    _PRINTERS[format](by, found, sum(found.values(), Traffic()))


def _links(run: RunFolder, ledger: Any) -> Any:
    """For each frame the access links that it crossed."""
    from hat_sim.simulation.traffic import links_of

    fleet = run.read_fleet()
    devices = zip(fleet["target"].to_pylist(), fleet["name"].to_pylist(), strict=True)
    return links_of(ledger, dict(zip(devices, fleet["link"].to_pylist(), strict=True)))


def _print_table(by: By, found: Mapping[str, Traffic], total: Traffic) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_footer=True)
    table.add_column(by.value, "all")
    for name, value in (("payload B", total.payload_bytes), ("wire B", total.wire_bytes)):
        table.add_column(name, f"{value:,}", justify="right")
    table.add_column("frames", f"{total.frames:,}", justify="right")
    for label, it in _shown(found).items():
        table.add_row(label, f"{it.payload_bytes:,}", f"{it.wire_bytes:,}", f"{it.frames:,}")
    Console().print(table)


def _shown(found: Mapping[str, Traffic]) -> Mapping[str, Traffic]:
    """All of it or, of more than a screen or two, what has most payload and the sum of the others."""
    from hat_sim.protocol.ledger import Traffic

    if len(found) <= MOST_ROWS:
        return found
    order = sorted(found, key=lambda label: (-found[label].payload_bytes, label))
    others = sum((found[label] for label in order[MOST_ROWS:]), Traffic())
    left = f"and {len(found) - MOST_ROWS:,} more, with --format csv"
    return {label: found[label] for label in order[:MOST_ROWS]} | {left: others}


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
