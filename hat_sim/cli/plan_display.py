"""The tables of a plan: what each phase costs, target by target, and what fits into which memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from hat_sim import units

MOST_TARGETS = 30


def print_plan(console: Console, content: dict[str, Any]) -> None:
    """Show a plan; two figures are the least and the most that a run may give."""
    targets = content["targets"]
    console.print(_costs(content))
    console.print(_targets(targets) if len(targets) > 1 else _links(targets[0]["bottlenecks"]))
    console.print(_memory(content["memory"]))
    for note in content["notes"]:
        console.print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)


def _costs(content: dict[str, Any]) -> Table:
    title = f"plan of {content['scenario']} (seed {content['seed']}, method {content['method']})"
    table = Table(title=title, title_justify="left")
    table.add_column("phase", no_wrap=True)
    for column in ("payload", "on the wire", "simulated time"):
        table.add_column(column, justify="right")
    traffic, time = content["traffic"], content["time"]
    for phase, size in traffic["by_phase"].items():
        wire, spent = traffic["wire_by_phase"][phase], time["by_phase"][phase]
        table.add_row(phase, _bytes(size), _bytes(wire), _seconds(spent))
    table.add_section()
    total = (_bytes(traffic["payload_bytes"]), _bytes(traffic["wire_bytes"]), _seconds(time["simulated_s"]))
    table.add_row("all", *total)
    table.add_section()
    frames = _span(traffic["frames"], "{:,.0f}")
    table.add_row("every model", f"{traffic['all_models_bytes']:,} B", f"{frames} frames", _saved(content))
    energy = content["energy_j"]
    sums = [sum(ends) for ends in zip(energy["compute"], energy["radio"], strict=True)]
    table.add_row("energy", _joules(sums), f"radio {_joules(energy['radio'])}")
    return table


def _links(bottlenecks: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="the busiest link of each phase", title_justify="left")
    for column in ("phase", "link", "of", "direction"):
        table.add_column(column)
    table.add_column("busy for", justify="right")
    for phase, it in bottlenecks.items():
        table.add_row(phase, it["link"], it["device"], it["direction"], f"{1000 * it['busy_s']:,.1f} ms")
    return table


def _targets(targets: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="targets", title_justify="left")
    table.add_column("target")
    for column in ("payload", "simulated time", "energy"):
        table.add_column(column, justify="right")
    table.add_column("busiest link", overflow="fold")
    for it in targets[:MOST_TARGETS]:
        table.add_row(
            it["domain"],
            _bytes(it["traffic"]["payload_bytes"]),
            _seconds(it["simulated_s"]),
            _joules(it["energy_j"]),
            _busiest(it),
        )
    if len(targets) > MOST_TARGETS:
        table.add_row(f"and {len(targets) - MOST_TARGETS} more, with --format json")
    return table


def _memory(devices: Sequence[dict[str, Any]]) -> Table:
    """Devices of one profile, one architecture and the same needs are one row."""
    table = Table(title="memory", title_justify="left")
    for column in ("device", "as", "architecture"):
        table.add_column(column)
    for column in ("devices", "training needs", "of"):
        table.add_column(column, justify="right")
    kinds = Counter(
        (it["profile"], it["role"], it["architecture"], round(it["needs_bytes"] / 1e6, 1), it["has_bytes"])
        for it in devices
    )
    for (*what, needs, has), count in sorted(kinds.items()):
        table.add_row(*what, f"{count:,}", f"{needs:,.1f} MB", units.SIZE.format(has))
    return table


def _busiest(target: dict[str, Any]) -> str:
    """The link of a target's world that is busy longest in any phase."""
    links = target["bottlenecks"].values()
    if not links:
        return "-"
    it = max(links, key=lambda link: link["busy_s"])
    whose = "its own" if it["device"] == target["device"] else f"{it['device']}'s"
    return f"{whose} {it['link']}, {it['direction']}"


def _saved(content: dict[str, Any]) -> str:
    return f"saving {_span([100 * share for share in content['traffic']['saving']], '{:.1f}')} %"


def _bytes(pair: Sequence[float]) -> str:
    return f"{_span(pair, '{:,.0f}')} B"


def _seconds(pair: Sequence[float]) -> str:
    return f"{_span(pair, '{:,.3f}')} s"


def _joules(pair: Sequence[float]) -> str:
    return f"{_span(pair, '{:,.3f}')} J"


def _span(pair: Sequence[float], shown: str) -> str:
    """One figure where both look the same."""
    low, high = (shown.format(value) for value in pair)
    return low if low == high else f"{low} - {high}"
