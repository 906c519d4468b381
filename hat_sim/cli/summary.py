"""The closing table of a run: the answer first, then what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hat_sim.simulation.battery import batteries_told
from hat_sim.simulation.diagnosis import Finding, sentences
from hat_sim.simulation.eligibility import told
from hat_sim.simulation.result import idle_told, total_joules
from hat_sim.simulation.run_folder import REPORT
from hat_sim.simulation.toll import sentences as faults_in_words

MOST_TARGETS = 30


def print_summary(console: Console, result: dict[str, Any], folder: Path) -> None:
    """Show a `result.json`: accuracy against target-only, the chosen sources, costs, and what looks wrong.

    One of an earlier version may have no diagnosis.
    """
    console.print(_targets(result))
    if "rounds" in result:
        console.print(_rounds(result))
    console.print(_costs(result))
    for sentence in batteries_told(result["targets"]):
        console.print(f"battery: {sentence}", soft_wrap=True, markup=False, highlight=False)
    notes = sorted({note for target in result["targets"] for note in target["notes"]})
    for note in (*told(result["targets"]), *notes):
        console.print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)
    for sentence in faults_in_words(result["faults"]):
        console.print(f"faults: {sentence}", soft_wrap=True, markup=False, highlight=False)
    if "diagnosis" in result:
        found = [Finding(**it) for it in result["diagnosis"]]
        for sentence in sentences(found, len(result["targets"])):
            console.print(f"diagnosis: {sentence}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"run folder: {folder}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"report: {folder / REPORT}", soft_wrap=True, markup=False, highlight=False)


def _targets(result: dict[str, Any]) -> Table:
    title = f"{result['scenario']} (seed {result['seed']}, method {result['method']})"
    table = Table(title=title, title_justify="left")
    table.add_column("target")
    for column in ("accuracy", "target only", "gain", "macro-F1"):
        table.add_column(column, justify="right")
    table.add_column("chosen sources", overflow="fold")
    for target in result["targets"][:MOST_TARGETS]:
        table.add_row(
            target["domain"],
            *_compared(target),
            f"{target['macro_f1']:.1%}",
            ", ".join(_shortened(target["selected"])) or "none",
        )
    hidden = len(result["targets"]) - MOST_TARGETS
    if hidden > 0:
        table.add_row(f"and {hidden} more, in result.json")
    if len(result["targets"]) > 1:
        table.add_section()
        table.add_row("mean", *_compared(result))
    return table


def _rounds(result: dict[str, Any]) -> Table:
    table = Table(title="rounds", title_justify="left")
    for column in ("round", "accuracy", "gain", "payload", "time", "from earlier targets"):
        table.add_column(column, justify="right")
    for it in result["rounds"]:
        chosen = sum(len(one["selected"]) for one in result["targets"] if one["round"] == it["round"])
        accuracy, _, gain = _compared(it)
        table.add_row(
            str(it["round"]),
            accuracy,
            gain,
            f"{it['traffic']['payload_bytes']:,} B",
            f"{it['simulated_s']:,.3f} s",
            f"{it['expanded']['selected']} of {chosen}" if it["expanded"]["sources"] else "-",
        )
    return table


def _compared(scores: dict[str, Any]) -> tuple[str, str, str]:
    accuracy, alone = scores["accuracy"], scores["accuracy_target_only"]
    return f"{accuracy:.1%}", f"{alone:.1%}", f"{100 * (accuracy - alone):+.1f} points"


def _shortened(names: list[str]) -> list[str]:
    return names if len(names) <= 5 else [*names[:5], f"and {len(names) - 5} more"]


def _costs(result: dict[str, Any]) -> Table:
    traffic, time, energy = result["traffic"], result["time"], result["energy_j"]
    table = Table(title="cost", title_justify="left")
    table.add_column("phase")
    table.add_column("payload", justify="right")
    table.add_column("simulated time", justify="right")
    for phase, size in traffic["by_phase"].items():
        table.add_row(phase, f"{size:,} B", f"{time['by_phase'][phase]:,.3f} s")
    table.add_section()
    table.add_row("all", f"{traffic['payload_bytes']:,} B", f"{time['simulated_s']:,.3f} s")
    table.add_section()
    table.add_row("on the wire", f"{traffic['wire_bytes']:,} B", f"{traffic['frames']:,} frames")
    table.add_row("every model", f"{traffic['all_models_bytes']:,} B", f"saving {traffic['saving']:.1%}")
    table.add_row("energy", f"{total_joules(energy):,.3f} J", f"radio {energy['radio']:,.3f} J")
    table.add_row("of it idle", *idle_told(energy))
    return table
