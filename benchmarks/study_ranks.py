"""Checks by rank: does similarity tell accuracy, and does the mixer's accuracy tell what it stores?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.study_cells import CellRun, Checked, correlation, over_people, runs_of_cells, with_interval
from hat_sim.quantities import percent
from hat_sim.report.run.ranks import spearman

CLAIM = "claimed accuracy alone"
SPACES = ("reference", "encoder", "logit")
TIMES = " x claimed accuracy"

Pairs = dict[tuple[str, int], list[tuple[float, float, str]]]
"""Of each target's domain at each seed: what sources were ranked by, what each is worth, its architecture."""


def similarity_accuracy(sweep: Path) -> Checked:
    """How well each similarity ranks the sources of a target by their accuracy on its test."""
    found: defaultdict[tuple[str, str], Pairs] = defaultdict(dict)
    for run in runs_of_cells(sweep):
        for measure, pairs in _pairs(run).items():
            found[run.dataset, measure] |= pairs
    datasets = list(dict.fromkeys(dataset for dataset, _ in found))
    measures = sorted(dict.fromkeys(measure for _, measure in found), key=_order)
    within = {key: over_people(_within(pairs)) for key, pairs in found.items()}
    columns = ("within target", "and architecture", "all pairs")
    table = [["ranked by", *(f"{it}, {what}" for it in datasets for what in columns)]]
    for measure in measures:
        cells = []
        for dataset in datasets:
            pairs = found[dataset, measure]
            alike = over_people(_within(_by_architecture(pairs)))
            cells += [
                with_interval(within[dataset, measure], correlation),
                "" if alike is None else correlation(alike.mean),
                correlation(_pooled(pairs)),
            ]
        table.append([measure, *cells])
    best = []
    for dataset in datasets:
        ranked = {it: band.mean for it in measures if (band := within[dataset, it]) is not None}
        first, last = max(ranked, key=ranked.__getitem__), min(ranked, key=ranked.__getitem__)
        targets = len({domain for domain, _ in found[dataset, measures[0]]})
        best.append(
            f"on {dataset} ({targets} targets) {first} does it best, {correlation(ranked[first])}, and "
            f"{last} worst, {correlation(ranked[last])}"
        )
    answer = (
        f"Spearman's rank correlation with the accuracy on the target, within a target: {'; '.join(best)}. "
        "Of a target's sources the second column compares those of one architecture alone. Intervals are "
        "over people."
    )
    return Checked(answer, [table], with_cells=False)


def _order(measure: str) -> tuple[bool, bool, bool]:
    """Coarse measures, then claims, then spaces, then products."""
    return measure.endswith(TIMES), measure in SPACES, measure == CLAIM


def _pairs(run: CellRun) -> dict[str, Pairs]:
    """By each measure that a run has, and by the products of fine selection."""
    domains = run.domains()
    fleet = {
        (row["target"], row["name"]): row
        for row in run.folder.read_fleet().to_pylist()
        if row["accuracy_on_target"] is not None
    }
    found: defaultdict[str, Pairs] = defaultdict(lambda: defaultdict(list))
    for row in run.folder.read_selection().to_pylist():
        source = fleet[row["target"], row["source"]]
        at, worth = (domains[row["target"]], run.seed), source["accuracy_on_target"]
        found[row["measure"]][at].append((row["similarity"], worth, source["architecture"]))
        if row["measure"] in SPACES:
            found[row["measure"] + TIMES][at].append((source["score"], worth, source["architecture"]))
    for (target, _), it in fleet.items():
        claim = it["claimed_accuracy"], it["accuracy_on_target"], it["architecture"]
        found[CLAIM][domains[target], run.seed].append(claim)
    return {measure: dict(pairs) for measure, pairs in found.items()}


def _within(pairs: Mapping[tuple[str, Any], Sequence[tuple[float, float, str]]]) -> list[tuple[str, float]]:
    """The correlation at each target and seed that has one, with the target's domain."""
    each = [(key[0], _rank(them)) for key, them in pairs.items()]
    return [(domain, rank) for domain, rank in each if rank is not None]


def _by_architecture(pairs: Pairs) -> dict[tuple[str, Any], list[tuple[float, float, str]]]:
    """The sources of each target at each seed in as many lists as they have architectures."""
    found: defaultdict[tuple[str, Any], list[tuple[float, float, str]]] = defaultdict(list)
    for (domain, seed), them in pairs.items():
        for it in them:
            found[domain, (seed, it[2])].append(it)
    return found


def _pooled(pairs: Pairs) -> float:
    """The correlation over the pairs of all targets, mean over seeds."""
    of_seed: defaultdict[int, list[tuple[float, float, str]]] = defaultdict(list)
    for (_, seed), them in pairs.items():
        of_seed[seed] += them
    return float(np.mean([_rank(them) or 0.0 for them in of_seed.values()]))


def _rank(pairs: Sequence[tuple[float, float, str]]) -> float | None:
    return spearman([it[0] for it in pairs], [it[1] for it in pairs])


def mixer_accuracy(sweep: Path) -> Checked:
    """How well the accuracy at the gate tells how right the fusion is about the pool."""
    places: defaultdict[tuple[str, str], list[tuple[str, int, Sequence[Mapping[str, Any]]]]]
    places = defaultdict(list)
    for run in runs_of_cells(sweep):
        domains, epochs = run.domains(), defaultdict(list)
        for row in run.folder.read_curves().to_pylist():
            epochs[row["target"]].append(row)
        place = run.dataset, run.values["method.gate"]
        places[place] += [(domains[target], run.seed, rows) for target, rows in epochs.items()]
    heading = ["data", "gate", "targets x seeds", "over epochs", "gate never moves", "over targets"]
    table = [[*heading, "gate says of what is stored", "that is right about the pool", "best epoch"]]
    said = []
    for (dataset, gate), curves in sorted(places.items(), key=lambda it: it[0][0]):
        ranks = [(domain, _tracks(rows)) for domain, _, rows in curves]
        stored = [(domain, seed, _stored(rows)) for domain, seed, rows in curves]
        over = _over_targets([(seed, pair) for _, seed, pair in stored])
        within = over_people([(domain, rank) for domain, rank in ranks if rank is not None])
        at_gate = over_people([(domain, pair[0]) for domain, _, pair in stored])
        right = over_people([(domain, pair[1]) for domain, _, pair in stored])
        most = over_people([(domain, max(it["pool_accuracy"] for it in rows)) for domain, _, rows in curves])
        assert at_gate is not None and right is not None
        table.append(
            [
                dataset,
                gate.replace("_", " "),
                f"{len(curves)}",
                with_interval(within, correlation),
                f"{sum(rank is None for _, rank in ranks)}",
                "" if over is None else correlation(over),
                with_interval(at_gate, percent),
                with_interval(right, percent),
                with_interval(most, percent),
            ]
        )
        rank = "none" if within is None else correlation(within.mean)
        said.append(
            f"{dataset}, {gate.replace('_', ' ')}: {rank} over epochs, "
            f"{'none' if over is None else correlation(over)} over targets, {percent(at_gate.mean)} at the "
            f"gate where {percent(right.mean)} of the pool are right"
        )
    answer = (
        "Spearman's rank correlation of the accuracy at the gate with that of the fusion on the unlabelled "
        f"samples: {'; '.join(said)}. What is stored last is what the dictionary keeps; `best epoch` is the "
        "most that any epoch's fusion was right, known in hindsight only. Intervals are over people."
    )
    return Checked(answer, [table])


def _tracks(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The correlation over the epochs of a target, None where one of both never moves."""
    return spearman([it["mixer_accuracy"] for it in rows], [it["pool_accuracy"] for it in rows])


def _stored(rows: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """Accuracy at the gate and on the pool of what is stored at the end."""
    last = [row for row in rows if row["stored"]][-1]
    return last["mixer_accuracy"], last["pool_accuracy"]


def _over_targets(stored: Iterable[tuple[int, tuple[float, float]]]) -> float | None:
    """The correlation over targets of what is stored, mean over seeds; None where it says nothing."""
    of_seed: defaultdict[int, list[tuple[float, float]]] = defaultdict(list)
    for seed, pair in stored:
        of_seed[seed].append(pair)
    ranks = [spearman(*zip(*them, strict=True)) for them in of_seed.values()]
    known = [rank for rank in ranks if rank is not None]
    return float(np.mean(known)) if known else None
