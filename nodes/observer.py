"""The observer: accuracy on test data and the hindsight that no device has.

It stands outside of ledger, clock and energy, and nothing that it finds out flows back.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from hat_sim.learning.export import export
from hat_sim.learning.models import Classifier
from hat_sim.learning.source_model import architecture_of
from hat_sim.learning.training import accuracy_of, logits_of, macro_f1
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.target_only import train_alone
from hat_sim.protocol.effects import Compute, Protocol
from hat_sim.protocol.messages import sensor_places
from hat_sim.sensors import taken
from hat_sim.simulation.record import SourceWorth, TargetResult
from nodes.joining import Examination
from nodes.source import Knowledge


def observe(fitted: Fitted, examination: Examination) -> TargetResult:
    """All that is to be known of a finished target: judged on its examination, its model exported."""
    predicted = logits_of(fitted.model, examination.x).argmax(dim=1).numpy()
    exported = export(fitted.model, examination.x)
    truth = examination.unlabelled_y
    on_pool = [_share_right(taken, truth) for taken in fitted.fused] or [None] * len(fitted.curve)
    equally = fitted.fused_equally
    return TargetResult(
        accuracy=float((predicted == examination.y).mean()),
        macro_f1=macro_f1(examination.y, predicted),
        shortlisted=fitted.shortlisted,
        selected=fitted.selected,
        scores=fitted.scores,
        similarities=fitted.similarities,
        fusion_weights=fitted.weights,
        class_weights=fitted.class_weights,
        curve=tuple(
            {**asdict(row), "pool_accuracy": right} for row, right in zip(fitted.curve, on_pool, strict=True)
        ),
        accuracy_fused=on_pool[-1] if on_pool else None,
        accuracy_fused_equally=None if equally is None else _share_right(equally, truth),
        notes=fitted.notes,
        architecture=architecture_of(fitted.model),
        sensors=_sensors_read(fitted, examination),
        weights=exported.weights,
        program=exported.program,
        replaced=fitted.replaced,
    )


def _share_right(taken: NDArray[np.int64], truth: NDArray[np.int64]) -> float | None:
    """The accuracy of classes (samples,), None without samples."""
    return float((taken == truth).mean()) if len(truth) else None


def accuracy_alone(task: Task, examination: Examination) -> float:
    """Test accuracy of the same student that was trained on its labels alone."""
    fitted = _without_world(train_alone(task))
    return accuracy_of(fitted.model, examination.x, examination.y)


def worth_of(knowledge: Knowledge, examination: Examination) -> SourceWorth:
    """What a source's model is worth to the target as it comes, without any training there."""
    sensors = examination.sensors
    if sensors is not None and not set(knowledge.sensors or ()) <= set(sensors):
        return SourceWorth(knowledge.accuracy, None)
    places = sensor_places(knowledge.sensors, sensors)
    outputs = logits_of(knowledge.model, taken(examination.x, places)).argmax(dim=1).numpy()
    predicted = np.array(knowledge.known)[outputs]
    return SourceWorth(knowledge.accuracy, float((predicted == examination.y).mean()))


def _sensors_read(fitted: Fitted, examination: Examination) -> tuple[str, ...] | None:
    """The sensors whose channels a finished target's model reads, which may be a source's with fewer."""
    places = fitted.model.reads if isinstance(fitted.model, Classifier) else None
    if examination.sensors is None or places is None:
        return None if examination.sensors is None else tuple(examination.sensors)
    return tuple(name for name, own in examination.sensors.items() if set(own) <= set(places))


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
