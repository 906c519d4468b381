"""HaT-plus against its strongest peer on data that nothing was tuned on, as far as the comparisons have run.

The peer is the one that was the most accurate on development data (`methods-hapt`). The comparisons are those
of `scenarios/studies/methods-*-confirm.yaml`: each place (a dataset, a strength of shift, labels a class) is
a cell. Differences are paired, target by target, seeds averaged first. The interval over all cells is a
bootstrap over the targets within each dataset, every cell counting once; "significantly more than 2 points
below" is a one-sided test by flipping signs, after Holm's correction for the number of cells. What has not
run yet is run by `python -m benchmarks.study_pages NAME`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.figure import Bound, Figure
from benchmarks.study_pages import SWEEPS, command_of, finished_runs, runs_asked
from hat_sim.report.compare.paired import EVERYWHERE, Place, holm_adjusted, places_of, sign_flip_p
from hat_sim.report.sweep.record import SweepRecord, read_sweep
from hat_sim.seeding import generator

DEVELOPMENT = "methods-hapt"
CONFIRMING = ("methods-hapt-confirm", "methods-sentiment-confirm", "methods-generated-confirm")
OURS, ALONE, CONTROL = "hat-plus", "target-only", "self-taught"
NO_PEERS = (OURS, "hat", ALONE, CONTROL, "random", "all-sources")
TABLE = "HaT-plus against the best peer, on confirming data"
COMMAND = "python -m benchmarks evidence"
MOST_BELOW = 0.02
HOURS = 2.0
RESAMPLES = 10_000


@dataclass(frozen=True)
class Cell:
    """A place of a study; `differences` are HaT-plus less the peer at each target."""

    study: str
    place: Place
    differences: Mapping[str, float]

    @property
    def name(self) -> str:
        dataset = self.study.removeprefix("methods-").removesuffix("-confirm")
        return f"{dataset}, {self.place.name}" if self.place.name else dataset

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.differences.values())))

    def accuracy(self, method: str) -> float:
        """Mean test accuracy, NaN where the method has not run."""
        standing = self.place.of(method)
        return standing.bands["accuracy"].mean if standing else float("nan")


def run(quick: bool) -> list[Figure]:
    """Read the comparisons; nothing is run here, so `quick` changes nothing."""
    peer = best_peer(read_sweep(SWEEPS / DEVELOPMENT))
    studies = {name: read_sweep(SWEEPS / name) for name in CONFIRMING if (SWEEPS / name).exists()}
    cells = [cell for name, sweep in studies.items() for cell in cells_of(name, sweep, peer)]
    return [*_overall(peer, studies, cells), *(figure for cell in cells for figure in _row(cell, peer))]


def best_peer(sweep: SweepRecord) -> str:
    """The most accurate method of a comparison that is neither ours nor a control."""
    return next(it.method for it in places_of(sweep)[0].standings if it.method not in NO_PEERS)


def cells_of(study: str, sweep: SweepRecord, peer: str) -> list[Cell]:
    """The places of a comparison with HaT-plus at which the peer has run."""
    found = []
    for place in places_of(sweep):
        standing = place.of(peer)
        if place.name != EVERYWHERE and standing and standing.difference:
            lead = {target: -gap for target, gap in standing.difference.each.items()}
            found.append(Cell(study, place, lead))
    return found


def interval_over(cells: Sequence[Cell]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over cells; a target is drawn for all cells of its study."""
    drawn = np.zeros(RESAMPLES)
    for study in dict.fromkeys(cell.study for cell in cells):
        of_study = [cell for cell in cells if cell.study == study]
        targets = sorted({target for cell in of_study for target in cell.differences})
        values = np.array([[cell.differences.get(it, np.nan) for it in targets] for cell in of_study])
        rows = generator(0, "evidence", study).integers(len(targets), size=(RESAMPLES, len(targets)))
        drawn += sum(np.nanmean(row[rows], axis=1) for row in values)
    low, high = np.quantile(drawn / len(cells), (0.025, 0.975))
    return float(low), float(high)


def count_below(cells: Sequence[Cell]) -> int:
    """Cells in which HaT-plus is significantly more than two points below the peer."""
    found = {}
    for cell in cells:
        shortfall = np.array(list(cell.differences.values())) + MOST_BELOW
        two_sided = sign_flip_p(shortfall)
        found[cell.name] = two_sided / 2 if shortfall.mean() < 0 else 1 - two_sided / 2
    return sum(p < 0.05 for p in holm_adjusted(found).values())


def _overall(peer: str, studies: Mapping[str, SweepRecord], cells: Sequence[Cell]) -> list[Figure]:
    low, high = interval_over(cells)
    row = "all cells"
    means = [cell.mean for cell in cells]
    alone = max(cells, key=lambda it: it.accuracy(OURS) - it.accuracy(ALONE))
    best = max(cells, key=lambda it: it.mean)
    hours = sum(map(_hours, (SWEEPS / name for name in studies)))
    done = {name: len(finished_runs(SWEEPS / name)) for name in studies}
    asked = {name: runs_asked(command_of(name)) for name in studies}

    def figure(name: str, value: float, unit: str, bound: Bound | None = None, note: str = "") -> Figure:
        return Figure("HaT-plus over all cells", row, name, value, unit, COMMAND, bound=bound, note=note)

    return [
        Figure(
            "HaT-plus over all cells",
            row,
            f"mean difference to {peer}",
            100 * float(np.mean(means)),
            "points",
            COMMAND,
            interval=(100 * low, 100 * high),
        ),
        figure(
            "lower 95 % limit of the mean difference", 100 * low, "points", Bound("at least", 0), _why(cells)
        ),
        figure("cells significantly more than 2 points below", count_below(cells), "", Bound("at most", 0)),
        figure(f"largest gain over {peer} ({best.name})", 100 * best.mean, "points"),
        figure(
            f"largest gain over target-only ({alone.name})",
            100 * (alone.accuracy(OURS) - alone.accuracy(ALONE)),
            "points",
        ),
        figure(
            "time of the runs so far, on two cores that others used as well",
            hours,
            "h",
            Bound("at most", HOURS) if all(done[name] >= asked[name] for name in studies) else None,
        ),
        *(
            figure(f"runs finished of {name}", done[name], "", Bound("at least", asked[name]), "not run yet")
            for name in studies
        ),
    ]


def _row(cell: Cell, peer: str) -> list[Figure]:
    """What the methods and controls reach in a cell, and by how much HaT-plus leads the peer."""
    command = command_of(cell.study)
    standing = cell.place.of(peer)
    assert standing is not None and standing.difference is not None
    lead = standing.difference
    columns = {"HaT-plus": OURS, peer: peer, "HaT": "hat", "without sources": CONTROL, "target-only": ALONE}
    return [
        *(
            Figure(TABLE, cell.name, name, 100 * cell.accuracy(method), "%", command)
            for name, method in columns.items()
        ),
        Figure(
            TABLE,
            cell.name,
            f"HaT-plus less {peer}",
            100 * cell.mean,
            "points",
            command,
            interval=(-100 * lead.high, -100 * lead.low),
        ),
    ]


def _why(cells: Sequence[Cell]) -> str:
    """Where HaT-plus falls behind, and whether its sources are to blame."""
    behind = [cell for cell in cells if cell.mean < 0]
    if not behind:
        return ""
    worst = min(behind, key=lambda it: it.mean)
    without = worst.accuracy(CONTROL) - worst.accuracy(OURS)
    return (
        f"it is behind in {len(behind)} of {len(cells)} cells, most in {worst.name} ({100 * worst.mean:+.1f} "
        f"points), where the same method without sources is {100 * without:+.1f} points away from it"
    )


def _hours(sweep: Path) -> float:
    """Wall time of a sweep's finished runs, one after the other."""
    seconds = [float(json.loads(it.read_text(encoding="utf-8"))["wall_s"]) for it in finished_runs(sweep)]
    return sum(seconds) / 3600
