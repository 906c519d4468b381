"""The page of a run: the answer first, then what holds for all targets, then each target by itself."""

from __future__ import annotations

from collections.abc import Iterator

from hat_sim.quantities import counted, duration, joules, percent, points, size
from hat_sim.report.figure import Figure
from hat_sim.report.page import Listing, Page, Panel, Section, Tile
from hat_sim.report.run.fleet import fleet_figure
from hat_sim.report.run.fusion import class_weight_figure, weight_figure
from hat_sim.report.run.learning import learning_figures
from hat_sim.report.run.overview import accuracy_figure, energy_figure, slowest, time_figure, waiting
from hat_sim.report.run.record import RunRecord, TargetRecord
from hat_sim.report.run.rounds import rounds_figure
from hat_sim.report.run.selection import hindsight_figure, score_figure, source_listing
from hat_sim.report.run.timeline import timeline_figure
from hat_sim.report.run.traffic import traffic_figures
from hat_sim.simulation.battery import batteries_told
from hat_sim.simulation.diagnosis import sentences
from hat_sim.simulation.eligibility import told
from hat_sim.simulation.result import total_joules
from hat_sim.simulation.toll import sentences as faults_in_words

MOST_PANELS = 40
MOST_SOURCES = 2000
"""Rows in the tables of sources of all panels together."""


def run_page(run: RunRecord) -> Page:
    """What the report of a run says."""
    result = run.result
    detailed = run.targets[:MOST_PANELS]
    remarks = [
        *result["notes"],
        *(f"Faults: {it}" for it in faults_in_words(result["faults"])),
        *told(result["targets"]),
        *sorted({note for it in result["targets"] for note in it["notes"]}),
        *(f"Battery: {sentence}" for sentence in batteries_told(result["targets"])),
    ]
    if len(detailed) < len(run.targets):
        remarks.append(
            f"The first {MOST_PANELS} of {len(run.targets):,} targets are shown by themselves; "
            f"the answer and the figures of all targets hold all of them."
        )
    of_all = "" if len(run.targets) == 1 else " of all targets"
    costs: list[Figure | Listing] = [*traffic_figures(run), time_figure(run), energy_figure(run)]
    return Page(
        title=str(result["scenario"]),
        subtitle=f"Simulated run, seed {result['seed']}, method {result['method']}",
        answer=_answer(run),
        tiles=_tiles(run),
        remarks=tuple(remarks),
        diagnosis=sentences(run.findings, len(run.targets)),
        sections=tuple(_overview(run)),
        panels=tuple(
            Panel(it.name, f"{it.domain} ({it.name})", _sections(it, MOST_SOURCES // len(detailed)))
            for it in detailed
        ),
        selector="Target",
        closing=(Section("Traffic, time and energy" + of_all, tuple(costs)),),
        footer=f"Made by hat-sim from scenario {result['scenario_sha256']}. Times, bytes and joules are "
        f"simulated; accuracies are measured on test data that no method sees.",
    )


def _overview(run: RunRecord) -> Iterator[Section]:
    rounds = rounds_figure(run)
    if rounds is not None:
        yield Section("Rounds", (rounds,))
    if len(run.targets) > 1:
        yield Section("Accuracy", (accuracy_figure(run),))


def _sections(target: TargetRecord, most_sources: int) -> tuple[Section, ...]:
    made = (
        score_figure(target),
        hindsight_figure(target),
        weight_figure(target),
        class_weight_figure(target),
    )
    picked = [it for it in made if it is not None]
    return (
        Section("Fleet and timeline", (fleet_figure(target), timeline_figure(target))),
        Section("Selection and fusion", (*picked, source_listing(target, max(20, most_sources)))),
        Section("Learning", tuple(learning_figures(target))),
    )


def _answer(run: RunRecord) -> str:
    result, traffic = run.result, run.result["traffic"]
    gain = result["accuracy"] - result["accuracy_target_only"]
    one = len(run.targets) == 1
    who = f"{run.targets[0].domain} reaches" if one else f"{len(run.targets):,} targets reach a mean of"
    distance = "as much as" if not gain else f"{points(abs(gain))[1:]} {'above' if gain > 0 else 'below'}"
    comparison = f"{distance} training on own labels alone"
    whose = "every eligible source's" if told(result["targets"]) else "every source's"
    saved = "less" if traffic["saving"] >= 0 else "more"
    longest = ", one round after another," if "rounds" in result else "" if one else " at most"
    energy = result["energy_j"]
    return (
        f"{who} {percent(result['accuracy'])}, {comparison} "
        f"({percent(result['accuracy_target_only'])}). This moved {size(traffic['payload_bytes'])}, "
        f"{percent(abs(traffic['saving']))} {saved} than sending {whose} model would, and took "
        f"{duration(result['time']['simulated_s'])} of simulated time{longest} and "
        f"{joules(total_joules(energy))}."
    )


def _tiles(run: RunRecord) -> tuple[Tile, ...]:
    result, traffic, energy = run.result, run.result["traffic"], run.result["energy_j"]
    gain = result["accuracy"] - result["accuracy_target_only"]
    train = result["time"]["by_phase"].get("train", 0.0)
    whole = result["time"]["simulated_s"]
    sources = sum(len(it.sources) for it in run.targets)
    chosen = sum(len(it.result["selected"]) for it in run.targets)
    shortlisted = sum(len(it.result["shortlisted"]) for it in run.targets)
    several = f", {counted(len(run.targets), 'target')}" if len(run.targets) > 1 else ""
    return (
        Tile(
            "Accuracy",
            percent(result["accuracy"]),
            f"{points(gain)} on target-only, {percent(result['accuracy_target_only'])}",
        ),
        Tile(
            "Payload sent",
            size(traffic["payload_bytes"]),
            f"{percent(traffic['saving'])} saved of {size(traffic['all_models_bytes'])} for every model",
        ),
        Tile(
            "Simulated time",
            duration(whole),
            f"{percent(train / whole if whole else 0.0)} of it training"
            + (f"; {slowest(run)}" if len(run.targets) > 1 else ""),
        ),
        Tile(
            "Energy",
            joules(total_joules(energy)),
            f"{joules(energy['radio'])} of it radio. {waiting(energy)}",
        ),
        Tile(
            "Sources chosen",
            f"{chosen:,} of {sources:,}",
            f"{shortlisted:,} shortlisted{several}",
        ),
    )
