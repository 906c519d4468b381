"""Accuracy of HaT and its peers on real people, with the traffic that it cost, through `hat-sim run`.

Bytes, saving and simulated time are the simulator's, and the same on every machine. A run that was finished
before, of the same scenario and code, is only read; the time that this took is then no measure of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any

from benchmarks.figure import Bound, Figure
from benchmarks.statistics import estimate, paired_difference, person_means
from benchmarks.studies import HAT, METHODS, STUDIES, TARGET_ONLY, Study, person
from benchmarks.study_runs import Run, runs_of, shown_command

PHASES = ("coarse", "fine", "transfer")
ALONE = "target-only, the same student"


def run(quick: bool) -> list[Figure]:
    """Every study under every method, on one Ray."""
    from hat_sim.engine import cluster

    figures = []
    with cluster(None):
        for study in STUDIES:
            chosen = study.quick() if quick else study
            runs = {name: runs_of(chosen, method) for name, method in METHODS.items()}
            own = runs_of(chosen, TARGET_ONLY) if chosen.checks_target_only else ()
            check_target_only([*runs.values(), own], own)
            figures += figures_of(chosen, runs)
    return figures


def check_target_only(all_runs: Sequence[Sequence[Run]], own: Sequence[Run]) -> None:
    """RuntimeError unless the student alone has one accuracy in all runs, and as a method of its `own`."""
    found: dict[tuple[int, str], set[float]] = {}
    for runs, key in [*((runs, "accuracy_target_only") for runs in all_runs), (own, "accuracy")]:
        for it in runs:
            for target in it.targets:
                found.setdefault((it.seed, target["domain"]), set()).add(target[key])
    if differing := [of for of, accuracies in found.items() if len(accuracies) > 1]:
        raise RuntimeError(f"the student alone has several accuracies for (seed, domain) {differing}")


def figures_of(study: Study, runs: Mapping[str, Sequence[Run]]) -> list[Figure]:
    """The tables of a study: accuracies with a row for the student alone, and what they cost."""
    alone = _percent_of_people(next(iter(runs.values())), "accuracy_target_only")
    figures = [_accuracy(study, ALONE, alone, shown_command(study, TARGET_ONLY))]
    for name, of in runs.items():
        figures += _accuracies(study, name, of, alone)
    for name, of in runs.items():
        figures += _costs(study, name, of)
    return figures


def _accuracies(study: Study, name: str, runs: Sequence[Run], alone: Mapping[str, float]) -> list[Figure]:
    """A method's accuracy, its gain over the student alone, its macro-F1."""
    command = shown_command(study, METHODS[name])
    reached = _percent_of_people(runs, "accuracy")
    gain = paired_difference(reached, alone)
    least = study.least_gain if name == HAT else None
    return [
        _accuracy(study, name, reached, command),
        Figure(
            study.title,
            name,
            "gain over target-only",
            gain.mean,
            "points",
            command,
            interval=(gain.low, gain.high),
            reference=f"{mean(alone.values()):.1f} % of the same student alone",
            bound=None if least is None else Bound("at least", least),
            note="" if least is None else _gainers_and_losers(reached, alone),
        ),
        Figure(study.title, name, "macro-F1", 100 * _mean(runs, lambda it: it["macro_f1"]), "%", command),
    ]


def _accuracy(study: Study, row: str, of_person: Mapping[str, float], command: str) -> Figure:
    it = estimate(of_person)
    interval = (it.low, it.high)
    return Figure(study.title, row, "accuracy", it.mean, "%", command, interval=interval, note=study.note)


def _gainers_and_losers(reached: Mapping[str, float], alone: Mapping[str, float]) -> str:
    """Where a mean gain comes from."""
    gains = {name: reached[name] - alone[name] for name in reached}
    worst, best = min(gains, key=gains.__getitem__), max(gains, key=gains.__getitem__)
    lost = sum(gain < 0 for gain in gains.values())
    return (
        f"{lost} of {len(gains)} people lose; {worst} {gains[worst]:+.1f}, {best} {gains[best]:+.1f} points"
    )


def _costs(study: Study, name: str, runs: Sequence[Run]) -> list[Figure]:
    """What a target pays in the mean; the saving is that of the sums."""
    traffic = [it.result["traffic"] for it in runs]
    targets = sum(len(it.targets) for it in runs)
    payload = sum(it["payload_bytes"] for it in traffic)
    columns = [
        ("shortlisted", _mean(runs, lambda it: len(it["shortlisted"])), ""),
        ("selected", _mean(runs, lambda it: len(it["selected"])), ""),
        *((phase, sum(it["by_phase"][phase] for it in traffic) / targets, "B") for phase in PHASES),
        ("payload", payload / targets, "B"),
        ("on the wire", sum(it["wire_bytes"] for it in traffic) / targets, "B"),
        ("saving", 100 * (1 - payload / sum(it["all_models_bytes"] for it in traffic)), "%"),
        ("simulated time", _mean(runs, lambda it: it["simulated_s"]), "s"),
    ]
    table, command = f"{study.title}: what a target pays", shown_command(study, METHODS[name])
    return [Figure(table, name, column, value, unit, command) for column, value, unit in columns]


def _percent_of_people(runs: Sequence[Run], key: str) -> dict[str, float]:
    """A share of each person, in percent, averaged over seeds and wrists."""
    samples = [(person(target["domain"]), target[key]) for it in runs for target in it.targets]
    return {name: 100 * value for name, value in person_means(samples).items()}


def _mean(runs: Sequence[Run], value: Callable[[dict[str, Any]], float]) -> float:
    """The mean over all targets of all runs."""
    return mean(value(target) for it in runs for target in it.targets)
