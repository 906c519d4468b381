"""What the record of a run says about how it went: the paper's failure signatures, with figures and a remedy.

HaT's digest names them: coarse selection that filters too much or nothing, attention that is of no use, a
dictionary that is unstable or stores noise, sources that are not what they claim. Some show in what the
target knew itself; whatever rests on labels that it did not have says that it is hindsight.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hat_sim.protocol.ledger import DELIVERED, REFUSED
from hat_sim.protocol.messages import DomainSummary
from hat_sim.quantities import counted, listed, percent, points
from hat_sim.simulation.run_folder import RunFolder

LEAST_FLEET = 5
"""Of fewer sources than this a filter need not leave any out."""
MUCH = 0.1
"""A difference of accuracies that is more than chance on a few hundred test samples."""
LITTLE = 0.02
"""A difference of so little may be chance."""
FALSE_CLAIM = 0.25
"""A source that claims so much more than it has here is told."""
INJECTED = 0.25
"""From this alpha on the student listens to the dictionary more than a little."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """What a run's files say of one target.

    `result` is its part of `result.json`, `sources` its world's other rows of `fleet.parquet`, `curve` its
    rows of `curves.parquet`; `kinds` are those of its frames, and `failed` took part in one that was refused.
    """

    result: Row
    sources: Sequence[Row]
    curve: Sequence[Row]
    kinds: frozenset[str]
    failed: frozenset[str]


@dataclass(frozen=True)
class Finding:
    """A failure signature at one target: a name for programs, words for people, its figures, and the setting
    that would change it, if there is one."""

    signature: str
    target: str
    domain: str
    what: str
    detail: str
    setting: str | None
    figures: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def evidence_in(folder: RunFolder) -> list[Evidence]:
    """The evidence in a finished run's folder; UserError where that is none."""
    return evidence_of(
        folder.read_result()["targets"],
        folder.read_fleet().to_pylist(),
        folder.read_curves().to_pylist(),
        frames_of(folder.read_ledger()),
    )


def frames_of(ledger: pa.Table) -> Iterator[tuple[str, str, str, str, str]]:
    """What `evidence_of` needs of a ledger: one frame of each kind and target, and all that were refused."""
    columns = ("target", "kind", "sender", "receiver", "outcome")
    kinds = ledger.group_by(["target", "kind"], use_threads=False).aggregate([])
    for target, kind in zip(*(kinds.column(name).to_pylist() for name in ("target", "kind")), strict=True):
        yield target, kind, target, target, DELIVERED
    failed = ledger.filter(pc.starts_with(ledger.column("outcome"), REFUSED))
    yield from zip(*(failed.column(name).to_pylist() for name in columns), strict=True)


def evidence_of(
    targets: Sequence[Row],
    fleet: Iterable[Row],
    curves: Iterable[Row],
    frames: Iterable[tuple[str, str, str, str, str]],
) -> list[Evidence]:
    """The same from rows at hand; a frame is its target, kind, sender, receiver and outcome."""
    devices, epochs = _by_target(fleet), _by_target(curves)
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    failed: defaultdict[str, set[str]] = defaultdict(set)
    for target, kind, sender, receiver, outcome in frames:
        kinds[target].add(kind)
        if outcome.startswith(REFUSED):
            failed[target] |= {sender, receiver}
    found = []
    for it in targets:
        name = it["device"]
        sources = [row for row in devices[name] if row["name"] != name]
        found.append(Evidence(it, sources, epochs[name], frozenset(kinds[name]), frozenset(failed[name])))
    return found


def findings(evidence: Iterable[Evidence]) -> list[Finding]:
    """What is found at each target, the worst first."""
    return [finding for it in evidence for finding in _findings(it)]


def sentences(found: Sequence[Finding], targets: int) -> tuple[str, ...]:
    """A sentence or two for each signature; with several targets, at how many and at which it is."""
    if not found:
        return ("Nothing in the record of this run looks wrong.",)
    by_kind: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        by_kind[finding.what].append(finding)
    return tuple(_sentence(what, them, targets) for what, them in by_kind.items())


def _sentence(what: str, found: Sequence[Finding], targets: int) -> str:
    first = found[0]
    if targets == 1:
        return f"{what}: {first.detail}"
    names = listed([it.domain for it in found], most=3)
    where = f"at {len(found):,} of {counted(targets, 'target')} ({names})"
    return f"{what} {where}. At {first.domain}: {first.detail}"


def _findings(it: Evidence) -> Iterator[Finding]:
    yield from _no_gain(it)
    yield from _nothing_injected(it)
    yield from _noise_stored(it)
    yield from _unstable(it)
    yield from _idle_attention(it)
    if DomainSummary.kind in it.kinds:
        yield from _idle_filter(it)
        yield from _filtered_too_much(it)
    yield from _false_claims(it)


def _finding(
    it: Evidence, signature: str, what: str, detail: str, setting: str | None, **figures: float
) -> Finding:
    return Finding(signature, it.result["device"], it.result["domain"], what, detail, setting, figures)


def _no_gain(it: Evidence) -> Iterator[Finding]:
    accuracy, alone = it.result["accuracy"], it.result["accuracy_target_only"]
    if accuracy - alone < -LITTLE and it.result["selected"]:
        yield _finding(
            it,
            "no-gain",
            "The sources did harm",
            f"training on its own labels alone gives {points(alone - accuracy)[1:]} more. What their models "
            "were worth here says whether better ones were at hand.",
            None,
            accuracy=accuracy,
            accuracy_target_only=alone,
        )


def _nothing_injected(it: Evidence) -> Iterator[Finding]:
    mixed = [row for row in it.curve if row["mixer_accuracy"] is not None]
    if mixed and not any(row["alpha"] for row in mixed):
        best = max(row["mixer_accuracy"] for row in mixed)
        yield _finding(
            it,
            "nothing-injected",
            "Nothing was injected",
            f"the mixer's accuracy of at most {percent(best)} never passed the threshold b, so the student "
            "learned from its labels alone. Better sources or a lower method.threshold would change that.",
            "method.threshold",
            mixer_accuracy=best,
        )


def _noise_stored(it: Evidence) -> Iterator[Finding]:
    """The dictionary that the student has heard last is worse than what its labels alone would teach it."""
    stored = [row for row in it.curve if row["stored"] and row.get("pool_accuracy") is not None]
    alpha = max((row["alpha"] for row in it.curve if row["alpha"] is not None), default=0.0)
    if not stored or alpha < INJECTED:
        return
    right, alone = stored[-1]["pool_accuracy"], it.result["accuracy_target_only"]
    if right < alone - MUCH:
        yield _finding(
            it,
            "noise-stored",
            "The dictionary stores noise",
            f"in hindsight it is right about {percent(right)} of the unlabelled samples, where labels alone "
            f"reach {percent(alone)}, and the student was given it with alpha up to {alpha:.2f}. A higher "
            "method.threshold, or method.gate: held_out, would keep it out.",
            "method.threshold",
            dictionary_accuracy=right,
            accuracy_target_only=alone,
            alpha=alpha,
        )


def _unstable(it: Evidence) -> Iterator[Finding]:
    accuracies = [row["mixer_accuracy"] for row in it.curve if row["mixer_accuracy"] is not None]
    if accuracies and max(accuracies) - accuracies[-1] > MUCH:
        yield _finding(
            it,
            "unstable",
            "The mixer is unstable",
            f"its accuracy fell from {percent(max(accuracies))} to {percent(accuracies[-1])}. A lower "
            "method.mixer_learning_rate or a stronger method.anchor would steady it.",
            "method.mixer_learning_rate",
            best=max(accuracies),
            last=accuracies[-1],
        )


def _idle_attention(it: Evidence) -> Iterator[Finding]:
    """Attention is of no use where equal weights do better, or as well and nothing is won."""
    fused, equally = it.result.get("accuracy_fused"), it.result.get("accuracy_fused_equally")
    if fused is None or equally is None:
        return
    gain = it.result["accuracy"] - it.result["accuracy_target_only"]
    if fused - equally < -LITTLE or (fused <= equally and gain < LITTLE and len(it.result["selected"]) > 1):
        yield _finding(
            it,
            "attention-idle",
            "Attention is no better than equal weights",
            f"in hindsight its fusion is right about {percent(fused)} of the unlabelled samples, the same "
            f"sources weighed equally about {percent(equally)}. A higher method.temperature brings weights "
            "nearer to equal ones.",
            "method.temperature",
            accuracy_fused=fused,
            accuracy_fused_equally=equally,
        )


def _idle_filter(it: Evidence) -> Iterator[Finding]:
    kept, fleet = len(it.result["shortlisted"]), len(it.sources) - len(it.result.get("not_eligible", ()))
    scored = any(row["score"] is not None for row in it.sources)
    if scored and fleet >= LEAST_FLEET and kept >= 0.95 * fleet and kept > len(it.result["selected"]):
        yield _finding(
            it,
            "filter-idle",
            "Coarse selection filters nothing",
            f"it kept {kept:,} of {fleet:,} sources, so fine selection pays for all of them. "
            "A lower method.eta would save traffic.",
            "method.eta",
            kept=kept,
            sources=fleet,
        )


def _filtered_too_much(it: Evidence) -> Iterator[Finding]:
    chosen, left_out = _best(it, chosen=True), _best(it, chosen=False)
    if chosen is None or left_out is None:
        return
    best, taken = left_out["accuracy_on_target"], chosen["accuracy_on_target"]
    if best - taken > MUCH:
        yield _finding(
            it,
            "over-filtered",
            "Coarse selection left out the best",
            f"in hindsight {left_out['name']} has {percent(best)} here as it comes, the best of the chosen, "
            f"{chosen['name']}, {percent(taken)}. A higher method.eta would let it pass.",
            "method.eta",
            best_left_out=best,
            best_chosen=taken,
        )


def _best(it: Evidence, chosen: bool) -> Row | None:
    """The source of the best model among those chosen, or among those that were not even shortlisted."""
    known = [
        row
        for row in it.sources
        if row["accuracy_on_target"] is not None
        and (row["selected"] if chosen else not row["shortlisted"] and row["name"] not in it.failed)
    ]
    return max(known, key=lambda row: (row["accuracy_on_target"], row["name"]), default=None)


def _false_claims(it: Evidence) -> Iterator[Finding]:
    gaps = {
        row["name"]: (row["claimed_accuracy"], row["accuracy_on_target"])
        for row in it.sources
        if row["selected"] and row["claimed_accuracy"] is not None
    }
    false = {name: of for name, of in gaps.items() if of[0] - of[1] > FALSE_CLAIM}
    if false:
        words = [
            f"{name} claims {percent(claimed)} and has {percent(here)} here"
            for name, (claimed, here) in false.items()
        ]
        yield _finding(
            it,
            "false-claim",
            "Claims do not hold",
            f"in hindsight, as they come, {listed(words)}. method.fine_space: encoder looks closer.",
            "method.fine_space",
            **{name: claimed - here for name, (claimed, here) in false.items()},
        )


def _by_target(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["target"]].append(row)
    return found
