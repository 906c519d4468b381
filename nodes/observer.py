"""The observer: accuracy on test data and the hindsight that no device has.

It stands outside of ledger, clock and energy, and nothing that it finds out flows back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from hat_sim.learning.export import export
from hat_sim.learning.training import logits_of, macro_f1
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.target_only import train_alone
from hat_sim.protocol.effects import Compute, Protocol
from hat_sim.simulation.record import TargetResult
from nodes.joining import Examination


@dataclass(frozen=True)
class Verdict:
    """Test accuracy and macro-F1 of a method's model, and the accuracy of the student trained alone."""

    accuracy: float
    macro_f1: float
    accuracy_target_only: float


def judge(fitted: Fitted, task: Task, x: NDArray[np.float32], y: NDArray[np.int64]) -> Verdict:
    """Measure on test samples `x` (samples, *shape) with labels `y` (samples,)."""
    predicted = logits_of(fitted.model, x).argmax(dim=1).numpy()
    alone = logits_of(_without_world(train_alone(task)).model, x).argmax(dim=1).numpy()
    return Verdict(float((predicted == y).mean()), macro_f1(y, predicted), float((alone == y).mean()))


def observe(fitted: Fitted, task: Task, examination: Examination) -> TargetResult:
    """All that is to be known of a finished target: judged on its examination, its model exported."""
    exported = export(fitted.model, examination.x)
    return TargetResult(
        **asdict(judge(fitted, task, examination.x, examination.y)),
        shortlisted=fitted.shortlisted,
        selected=fitted.selected,
        scores=fitted.scores,
        fusion_weights=fitted.weights,
        curve=tuple(asdict(row) for row in fitted.curve),
        notes=fitted.notes,
        weights=exported.weights,
        program=exported.program,
    )


def _without_world(protocol: Protocol[Fitted]) -> Fitted:
    """Run a protocol that asks nobody, without anybody's clock."""
    value = None
    while True:
        try:
            effect = protocol.send(value)
        except StopIteration as end:
            fitted: Fitted = end.value
            return fitted
        assert isinstance(effect, Compute)
        value = effect.run(lambda doing: None)
