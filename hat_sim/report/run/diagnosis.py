"""What the record of a run says about how it went, in words: the paper's failure signatures, and hindsight.

HaT's digest names them: coarse selection that filters too much or nothing, a dictionary that stores nothing
of use, sources that are not what they claim. Whatever rests on test data says that it is hindsight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hat_sim.protocol.messages import DomainSummary
from hat_sim.report.quantities import counted, listed, percent, points
from hat_sim.report.run.record import Source, TargetRecord

LEAST_FLEET = 5
"""Of fewer sources than this a filter need not leave any out."""
MUCH = 0.1
"""A difference of accuracies that is more than chance on a few hundred test samples."""
LITTLE = 0.02
"""A loss of so little may be chance."""
FALSE_CLAIM = 0.25
"""A source that claims so much more than it has here is told."""


@dataclass(frozen=True)
class Finding:
    """What is found at one target: the kind of thing, and the figures that show it with what to change."""

    kind: str
    detail: str


def diagnosis(targets: Sequence[TargetRecord]) -> tuple[str, ...]:
    """A sentence or two for each kind of finding; with several targets, at how many and at which it is."""
    by_kind: defaultdict[str, list[tuple[TargetRecord, Finding]]] = defaultdict(list)
    for target in targets:
        for finding in findings(target):
            by_kind[finding.kind].append((target, finding))
    if not by_kind:
        return ("Nothing in the record of this run looks wrong.",)
    return tuple(_sentence(kind, them, len(targets)) for kind, them in by_kind.items())


def _sentence(kind: str, found: Sequence[tuple[TargetRecord, Finding]], targets: int) -> str:
    target, finding = found[0]
    if targets == 1:
        return f"{kind}: {finding.detail}"
    names = listed([it.domain for it, _ in found], most=3)
    where = f"at {len(found):,} of {counted(targets, 'target')} ({names})"
    return f"{kind} {where}. At {target.domain}: {finding.detail}"


def findings(target: TargetRecord) -> Iterator[Finding]:
    """What is found at one target, the worst first; of coarse selection only where a method does it."""
    yield from _no_gain(target)
    yield from _nothing_injected(target)
    yield from _unstable(target)
    if any(frame.kind == DomainSummary.kind for frame in target.frames):
        yield from _idle_filter(target)
        yield from _filtered_too_much(target)
    yield from _false_claims(target)


def _no_gain(target: TargetRecord) -> Iterator[Finding]:
    gain = target.result["accuracy"] - target.result["accuracy_target_only"]
    if gain < -LITTLE and target.result["selected"]:
        yield Finding(
            "The sources did harm",
            f"training on its own labels alone gives {points(-gain)[1:]} more. What their models were worth "
            f"here, below, says whether better ones were at hand.",
        )


def _nothing_injected(target: TargetRecord) -> Iterator[Finding]:
    mixed = [row for row in target.curve if row["mixer_accuracy"] is not None]
    if mixed and not any(row["alpha"] for row in mixed):
        best = max(row["mixer_accuracy"] for row in mixed)
        yield Finding(
            "Nothing was injected",
            f"the mixer's accuracy of at most {percent(best)} never passed the threshold b, so the student "
            f"learned from its labels alone. Better sources or a lower method.threshold would change that.",
        )


def _unstable(target: TargetRecord) -> Iterator[Finding]:
    accuracies = [row["mixer_accuracy"] for row in target.curve if row["mixer_accuracy"] is not None]
    if accuracies and max(accuracies) - accuracies[-1] > MUCH:
        yield Finding(
            "The mixer is unstable",
            f"its accuracy fell from {percent(max(accuracies))} to {percent(accuracies[-1])}. A lower "
            f"method.mixer_learning_rate or a stronger method.anchor would steady it.",
        )


def _idle_filter(target: TargetRecord) -> Iterator[Finding]:
    kept, fleet = len(target.result["shortlisted"]), len(target.sources)
    scored = any(it.score is not None for it in target.sources)
    if scored and fleet >= LEAST_FLEET and kept >= 0.95 * fleet and kept > len(target.result["selected"]):
        yield Finding(
            "Coarse selection filters nothing",
            f"it kept {kept:,} of {fleet:,} sources, so fine selection pays for all of them. "
            f"A lower method.eta would save traffic.",
        )


def _filtered_too_much(target: TargetRecord) -> Iterator[Finding]:
    chosen, left_out = _best(target, chosen=True), _best(target, chosen=False)
    if chosen is None or left_out is None:
        return
    best, taken = left_out.on_target or 0.0, chosen.on_target or 0.0
    if best - taken > MUCH:
        yield Finding(
            "Coarse selection left out the best",
            f"in hindsight {left_out.name} has {percent(best)} here as it comes, the best of the chosen, "
            f"{chosen.name}, {percent(taken)}. A higher method.eta would let it pass.",
        )


def _best(target: TargetRecord, chosen: bool) -> Source | None:
    """The source of the best model among those chosen, or among those that were not even shortlisted."""
    known = [
        it
        for it in target.sources
        if it.on_target is not None and (it.selected if chosen else not it.shortlisted and not it.failed)
    ]
    return max(known, key=lambda it: (it.on_target or 0.0, it.name), default=None)


def _false_claims(target: TargetRecord) -> Iterator[Finding]:
    claims = [
        it
        for it in target.sources
        if it.selected and it.claimed is not None and it.claimed - (it.on_target or 0.0) > FALSE_CLAIM
    ]
    if claims:
        figures = [
            f"{it.name} claims {percent(it.claimed or 0.0)} and has {percent(it.on_target or 0.0)} here"
            for it in claims
        ]
        yield Finding("Claims do not hold", f"in hindsight, as they come, {listed(figures)}.")
