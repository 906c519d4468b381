"""The accuracy studies: which scenario, which people, which methods, and what `hat-sim run` is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

HAT = "HaT, reference space"
METHODS = {
    HAT: "{name: hat, eta: 0.6, top: 3, fine_space: reference}",
    "HaT, encoder space": "{name: hat, eta: 0.6, top: 3, fine_space: encoder}",
    "fine-tuned best source": "{name: fine-tune}",
    "AVER, all sources": "{name: aver}",
}
TARGET_ONLY = "{name: target-only}"
"""Its accuracy is in every run's result; run by itself where a study says so, to show that it is the same."""


@dataclass(frozen=True)
class Fold:
    """One run: its target domains, and the changes to the scenario that leave their people out."""

    targets: tuple[str, ...]
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """One table: a scenario with so many labels a class, and its folds; `note` says what the data are."""

    name: str
    title: str
    scenario: str
    labels: int
    folds: tuple[Fold, ...]
    note: str
    seeds: tuple[int, ...] = (0, 1, 2)
    checks_target_only: bool = False
    least_gain: float | None = None
    """Points over target-only that HaT in its reference space is expected to reach."""

    def changes(self, fold: Fold, method: str) -> tuple[str, ...]:
        """The `PATH=VALUE` of each `--set` for a run of `method` on `fold`."""
        return (
            f"method={method}",
            f"target.domain=[{', '.join(fold.targets)}]",
            f"target.labels_per_class={self.labels}",
            *fold.changes,
        )

    def quick(self) -> Study:
        """Two people and one seed: enough to see that everything works."""
        first = self.folds[0]
        return replace(self, folds=(replace(first, targets=first.targets[:2]),), seeds=self.seeds[:1])


def person(domain: str) -> str:
    """Whose domain it is: both wrists of a subject are one person."""
    return domain.removesuffix("-left").removesuffix("-right")


def _wrists(subjects: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"subject-{subject}-{side}" for subject in subjects for side in ("left", "right"))


def _watch_folds() -> tuple[Fold, ...]:
    """Two people are targets, the other eight the sources; devices and links in the scenario's shares."""
    folds = []
    for first in range(1, 11, 2):
        others = [subject for subject in range(1, 11) if subject not in (first, first + 1)]
        changes = (
            f"sources.domains=[{', '.join(_wrists(others))}]",
            "sources.devices={phone-mid: 11, phone-high: 5}",
            "sources.links={wifi: 11, 5g: 5}",
        )
        folds.append(Fold(_wrists((first, first + 1)), changes))
    return tuple(folds)


_COMMANDS = "A command is that of its row's first run; the others have the other seeds and people."
_HAPT_NOTE = (
    "Development data: the method was tuned on these ten users. Each of them in turn joins a fleet of the 29 "
    f"other users; the interval is over users. {_COMMANDS}"
)
_WATCH_NOTE = (
    "Development data: the method was tuned on them. Labels and test windows share recordings, which "
    "flatters target-only. Both wrists of two people at a time are targets, and both wrists of the other "
    f"eight the sources; the interval is over people. {_COMMANDS}"
)
STUDIES = (
    Study(
        name="hapt-2",
        title="hapt, 2 labels a class, the first ten users",
        scenario="scenarios/hapt.yaml",
        labels=2,
        folds=(Fold(tuple(f"user-{number}" for number in range(1, 11))),),
        note=_HAPT_NOTE,
        checks_target_only=True,
        least_gain=5.0,
    ),
    *(
        Study(
            name=f"watch-{labels}",
            title=f"watch, {labels} label{'s' if labels > 1 else ''} a class, all ten people",
            scenario="scenarios/watch.yaml",
            labels=labels,
            folds=_watch_folds(),
            note=_WATCH_NOTE,
        )
        for labels in (1, 2)
    ),
)
