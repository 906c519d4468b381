"""Checks of cost: what joint training costs against training in turn, and what selection saves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.statistics import paired_difference, person_means
from benchmarks.studies import person
from benchmarks.study_cells import CellRun, Checked, over_people, runs_of_cells, with_interval
from hat_sim.data.packaged.catalogue import PACKAGED
from hat_sim.learning.architectures import describe
from hat_sim.quantities import duration, number, percent, points, size
from hat_sim.sweep.folder import RESULTS

PAPERS_LESS_TIME = 0.311
"""By how much the paper's joint training is faster."""
BOUNDS = {19: 0.80, 60: 0.93}
"""Which share of all models' bytes the reference space is expected to save at a fleet of so many sources."""
REFERENCE, ENCODER = "reference", "encoder"
_WHY_MORE = (
    "Both ways make the same updates of mixer and student, and encode what is frozen once; the "
    "dictionary spares the student every look at a source in either. What is left to differ: beside a "
    "student that learns, the mixer asks its encoder anew at each step for the labels and after each "
    "epoch for the pool, and before it only once."
)
_DECLARED = (
    "Work is what is declared, which counts the pool in each step of the student, though in joint "
    "training's first epoch the dictionary is empty and the pool is left out."
)

Row = dict[str, Any]


def joint_sequential(sweep: Path) -> Checked:
    """Work, time and accuracy of both ways of training, by how much of the encoders is trained."""
    flop: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    unkept = []
    for run in runs_of_cells(sweep):
        place = run.values["method.unfrozen_blocks"], run.values["method.training"]
        flop[place] += run.training_flop().values()
        unkept += _saved_where_nothing_is_kept(run)
    rows = _by(pq.read_table(sweep / RESULTS).to_pylist(), "method.unfrozen_blocks", "method.training")
    table = [
        ["trained blocks", "training", "FLOP", "time to train", "time in all", "accuracy", "joint saves"]
    ]
    said, differences = [], []
    for blocks in sorted({blocks for blocks, _ in flop}):
        work = {way: sum(flop[blocks, way]) / len(flop[blocks, way]) for way in ("joint", "sequential")}
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
        said.append(f"{percent(abs(saving))} {'less' if saving > 0 else 'more'} work with {blocks}")
        found = paired_difference(*(_accuracies(rows[blocks, way]) for way in ("joint", "sequential")))
        differences.append(f"{with_interval(found, points)} with {blocks}")
    answer = (
        f"Joint training takes {', '.join(said)} of each encoder's blocks trained, where the paper reports "
        f"{percent(PAPERS_LESS_TIME)} less time. {_WHY_MORE} Where nothing is kept, encoding a batch by "
        "every chosen source once for both and not for each would, by formula, save "
        f"{percent(sum(unkept) / len(unkept))} of the work with these sources and students: a saving as "
        f"large as the paper's is one of what is kept here anyway. {_DECLARED} Accuracy, joint less "
        f"sequential, paired: {'; '.join(differences)}."
    )
    return Checked(answer, [table])


def _saved_where_nothing_is_kept(run: CellRun) -> list[float]:
    """What joint training would save at each target if mixer and student were fed with the same batches, by
    encoders that run anew each time: a pass of each chosen encoder in two of these and a student's step."""
    info = PACKAGED[run.dataset]
    chosen: defaultdict[str, int] = defaultdict(int)
    students = {}
    for row in run.folder.read_fleet().to_pylist():
        description = describe(row["architecture"], info.shape, len(info.classes))
        if row["name"] == row["target"]:
            students[row["target"]] = description.training_flop
        elif row["selected"]:
            chosen[row["target"]] += description.encode_flop()
    return [encoders / (2 * encoders + students[target]) for target, encoders in chosen.items()]


def traffic(sweep: Path) -> Checked:
    """Bytes saved in the reference space against a bound, and accuracy against the encoder space."""
    rows = _by(pq.read_table(sweep / RESULTS).to_pylist(), "sources.count", "method.fine_space")
    heading = ["sources", "space", "targets x seeds", "coarse", "fine", "transfer", "all", "every model"]
    table = [[*heading, "saved", "bound", "accuracy"]]
    asked: defaultdict[int, list[Row]] = defaultdict(list)
    for run in runs_of_cells(sweep):
        if run.values["method.fine_space"] == REFERENCE:
            asked[run.values["sources.count"]] += run.folder.read_fleet().to_pylist()
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
        said.append(_verdict(count, rows[count, REFERENCE], rows[count, ENCODER], _claims(asked[count])))
    return Checked(" ".join(said), [table])


def _claims(devices: Sequence[Row]) -> str:
    """What the chosen claim and have on the target, and what all sources do."""
    sources = [it for it in devices if it["accuracy_on_target"] is not None]
    chosen = [it for it in sources if it["selected"]]
    claimed, worth = (
        [percent(_mean_of(them, column)) for them in (chosen, sources)]
        for column in ("claimed_accuracy", "accuracy_on_target")
    )
    return (
        f"those that were chosen claim {claimed[0]} and all {claimed[1]}, and have {worth[0]} and {worth[1]} "
        "on the target as they come"
    )


def _verdict(count: int, reference: Sequence[Row], encoder: Sequence[Row], claims: str) -> str:
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
        even = _mean_of(reference, "selected") / count
        text += (
            f"The bound of {percent(bound)} is missed: the chosen models are {percent(models)} of the bytes "
            f"of all, and the messages of selection {percent(messages)}. As many models of mean size would "
            f"be {percent(even)}, and leave {percent(1 - even - messages)} saved; {claims}."
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
