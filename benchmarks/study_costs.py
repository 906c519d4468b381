"""Checks of cost: what joint training costs against training in turn, and what selection saves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.statistics import paired_difference, person_means
from benchmarks.studies import person
from benchmarks.study_cells import Checked, over_people, runs_of_cells, with_interval
from hat_sim.quantities import duration, number, percent, points, size
from hat_sim.sweep.folder import RESULTS

PAPERS_LESS_TIME = 0.311
"""By how much the paper's joint training is faster."""
BOUNDS = {19: 0.80, 60: 0.93}
"""Which share of all models' bytes the reference space is expected to save at a fleet of so many sources."""
REFERENCE, ENCODER = "reference", "encoder"

Row = dict[str, Any]


def joint_sequential(sweep: Path) -> Checked:
    """Work, time and accuracy of both ways of training, by how much of the encoders is trained."""
    flop: defaultdict[tuple[int, str], list[tuple[str, float]]] = defaultdict(list)
    for run in runs_of_cells(sweep):
        domains = run.domains()
        place = run.values["method.unfrozen_blocks"], run.values["method.training"]
        flop[place] += [(domains[target], work) for target, work in run.training_flop().items()]
    rows = _by(pq.read_table(sweep / RESULTS).to_pylist(), "method.unfrozen_blocks", "method.training")
    table = [
        ["trained blocks", "training", "FLOP", "time to train", "time in all", "accuracy", "joint saves"]
    ]
    said, differences = [], []
    for blocks in sorted({blocks for blocks, _ in flop}):
        work = {way: _mean(flop[blocks, way]) for way in ("joint", "sequential")}
        saving = 1 - work["joint"] / work["sequential"]
        for way in work:
            own = rows[blocks, way]
            table.append(
                [
                    f"{blocks}",
                    way,
                    f"{number(work[way] / 1e9)} GFLOP",
                    duration(_mean_of(own, "simulated_s_train")),
                    duration(_mean_of(own, "simulated_s")),
                    percent(_mean_of(own, "accuracy")),
                    _signed(saving) if way == "joint" else "",
                ]
            )
        said.append(f"{_signed(saving)} with {blocks}")
        found = paired_difference(*(_accuracies(rows[blocks, way]) for way in ("joint", "sequential")))
        differences.append(f"{with_interval(found, points)} with {blocks}")
    answer = (
        f"Joint training saves {', '.join(said)} blocks of each encoder trained, where the paper reports "
        f"{percent(PAPERS_LESS_TIME)} less time. Negative is more work: both ways make the same updates of "
        "mixer and student and encode what is frozen once, and the dictionary spares the student every look "
        "at a source in either; but beside a student that learns the mixer has to ask its encoder anew at "
        "each step for the labels and after each epoch for the pool, and before it only once. A saving would "
        "have to come from fewer updates, or from a sequential way that encodes again what is kept here. "
        f"Accuracy, joint less sequential, paired: {'; '.join(differences)}."
    )
    return Checked(answer, [table])


def traffic(sweep: Path) -> Checked:
    """Bytes saved in the reference space against a bound, and accuracy against the encoder space."""
    rows = _by(pq.read_table(sweep / RESULTS).to_pylist(), "sources.count", "method.fine_space")
    heading = ["sources", "space", "targets x seeds", "coarse", "fine", "transfer", "all", "every model"]
    table = [[*heading, "saved", "bound", "accuracy"]]
    said = []
    for count in sorted({count for count, _ in rows}):
        for space in (REFERENCE, ENCODER):
            own = rows[count, space]
            phases = [f"payload_bytes_{phase}" for phase in ("coarse", "fine", "transfer")]
            accuracy = over_people([(row["domain"], row["accuracy"]) for row in own])
            table.append(
                [
                    f"{count}",
                    space,
                    f"{len(own)}",
                    *(size(_mean_of(own, it)) for it in (*phases, "payload_bytes", "all_models_bytes")),
                    percent(_saving(own)),
                    percent(BOUNDS[count]) if space == REFERENCE else "",
                    with_interval(accuracy, percent),
                ]
            )
        said.append(_verdict(count, rows[count, REFERENCE], rows[count, ENCODER]))
    return Checked(" ".join(said), [table])


def _verdict(count: int, reference: Sequence[Row], encoder: Sequence[Row]) -> str:
    """Whether the bound holds at a fleet of so many, and what the reference space costs in accuracy."""
    saved, bound = _saving(reference), BOUNDS[count]
    lost = paired_difference(_accuracies(reference), _accuracies(encoder))
    text = (
        f"At {count} sources the reference space saves {percent(saved)} of every model's bytes, the encoder "
        f"space {percent(_saving(encoder))}. "
    )
    if saved >= bound:
        text += f"The bound of {percent(bound)} is met."
    else:
        every = _mean_of(reference, "all_models_bytes")
        models, messages = (
            sum(_mean_of(reference, f"payload_bytes_{phase}") for phase in phases) / every
            for phases in (("transfer",), ("coarse", "fine"))
        )
        text += (
            f"The bound of {percent(bound)} is missed: the chosen models alone are {percent(models)} of the "
            f"bytes of all, and the messages of selection {percent(messages)}."
        )
    return f"{text} Accuracy, reference less encoder, paired: {with_interval(lost, points)}."


def _signed(share: float) -> str:
    return percent(share).replace("-", "−")  # noqa: RUF001


def _by(rows: Sequence[Row], *columns: str) -> dict[tuple[Any, ...], list[Row]]:
    found: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        found[tuple(row[column] for column in columns)].append(row)
    return dict(found)


def _accuracies(rows: Sequence[Row]) -> dict[str, float]:
    """The mean accuracy of each person."""
    return person_means([(person(row["domain"]), row["accuracy"]) for row in rows])


def _saving(rows: Sequence[Row]) -> float:
    return 1 - _mean_of(rows, "payload_bytes") / _mean_of(rows, "all_models_bytes")


def _mean_of(rows: Sequence[Row], column: str) -> float:
    return sum(float(row[column]) for row in rows) / len(rows)


def _mean(found: Sequence[tuple[str, float]]) -> float:
    return sum(value for _, value in found) / len(found)
