"""`hat-sim network`: how long messages take over access links, and, where it is known, how long they took."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hat_sim.network.case import Case
    from hat_sim.network.simulate import Transfer


class Format(StrEnum):
    """How to print transfers."""

    table = "table"
    json = "json"


def network(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: hosts and flows, or a list of such.")],
    format: Annotated[Format, typer.Option(help="A table to read, or JSON.")] = Format.table,
    seed: Annotated[int, typer.Option(help="Of the packets that links lose.")] = 0,
) -> None:
    """Simulate messages between hosts: their times and bytes on the wire, beside measured times if any."""
    from hat_sim.network.case import read_cases
    from hat_sim.network.simulate import simulate

    cases = read_cases(file)
    results = [(case, simulate(case.hosts, case.flows, seed)) for case in cases]
    if format is Format.json:
        _print_json(results)
    else:
        _print_tables(results)


def _print_json(results: Sequence[tuple[Case, Sequence[Transfer]]]) -> None:
    import json

    print(json.dumps([_plain(case, transfers) for case, transfers in results], indent=1))


def _plain(case: Case, transfers: Sequence[Transfer]) -> dict[str, Any]:
    figures = {
        name: {"simulated_s": simulated, "measured_s": measured, "error": _error(simulated, measured)}
        for name, simulated, measured in _figures(case, transfers)
    }
    flows = [
        {
            **flow,
            "completed_s": it.completed_s,
            "forward_bytes": it.wire.forward,
            "reverse_bytes": it.wire.reverse,
        }
        for flow, it in zip(case.flows, transfers, strict=True)
    ]
    return {"name": case.name, **figures, "wire_bytes": _wire_bytes(transfers), "flows": flows}


def _figures(case: Case, transfers: Sequence[Transfer]) -> list[tuple[str, float, float | None]]:
    """The name of each figure of a case, simulated and measured, in seconds."""
    completed_s = [it.completed_s for it in transfers]
    return [
        ("makespan", max(completed_s), case.measured_makespan_s),
        ("mean_completion", sum(completed_s) / len(completed_s), case.measured_mean_s),
    ]


def _error(simulated: float, measured: float | None) -> float | None:
    """How far the simulated figure is off, as a share of the measured one."""
    return simulated / measured - 1 if measured else None


def _wire_bytes(transfers: Sequence[Transfer]) -> int:
    return sum(it.wire.total for it in transfers)


def _print_tables(results: Sequence[tuple[Case, Sequence[Transfer]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("case")
    for column in ("makespan s", "measured", "error", "mean s", "measured", "error"):
        table.add_column(column, justify="right", no_wrap=True)
    for case, transfers in results:
        cells = []
        for _, simulated, measured in _figures(case, transfers):
            error = _error(simulated, measured)
            cells += [
                f"{simulated:.4f}",
                "" if measured is None else f"{measured:.4f}",
                "" if error is None else f"{error:+.1%}",
            ]
        table.add_row(case.name, *cells)
    console = Console()
    console.print(table)
    if len(results) == 1:
        console.print(_flows(*results[0]))


def _flows(case: Case, transfers: Sequence[Transfer]) -> Any:
    from rich.table import Table

    table = Table("from", "to", show_footer=True)
    forward, reverse = (sum(getattr(it.wire, way) for it in transfers) for way in ("forward", "reverse"))
    sums = {"forward B": f"{forward:,}", "reverse B": f"{reverse:,}"}
    for column in ("bytes", "start s", "completed s", *sums):
        table.add_column(column, sums.get(column, ""), justify="right", no_wrap=True)
    for flow, it in zip(case.flows, transfers, strict=True):
        table.add_row(
            str(flow["src"]),
            str(flow["dst"]),
            f"{flow['bytes']:,}",
            f"{flow['start_s']:.4f}",
            f"{it.completed_s:.4f}",
            f"{it.wire.forward:,}",
            f"{it.wire.reverse:,}",
        )
    return table
