"""The source that is best on the target's labels, fine-tuned on them.

The model that stays on the target is the source's own architecture, not the scenario's student.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.source_model import SourceModel, descriptions, widened
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import CurveRow, Fitted, Task
from hat_sim.methods.peers.distillation import Models, fetch_all
from hat_sim.methods.peers.options import FineTuneOptions
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.methods.peers.work import trial_flop, tuning_flop
from hat_sim.protocol.effects import Compute, Progress, Protocol

NOBODY_KNOWS_ALL = "no source knows all classes"


def fine_tune(task: Task, options: FineTuneOptions) -> Protocol[Fitted]:
    """Download every model, keep the one that tells the labelled samples best, and tune all of it.

    A source has to know every labelled class. Equal accuracies are told apart by likelihood.
    """
    able = able_to_tune(task, (yield from fetch_all(task)))
    if not able:
        return (yield from fall_back(task, NOBODY_KNOWS_ALL))
    flop = trial_flop(task, descriptions(able))
    scores = yield Compute("train", "try the sources", flop, lambda _: _scores(task, able))
    best = max(able, key=lambda source: (scores[source.name], source.name))
    fitted = yield from tune(task, options, best)
    names = tuple(source.name for source in able)
    return replace(fitted, shortlisted=names, scores=scores)


def able_to_tune(task: Task, models: Models) -> Models:
    """The sources that know every labelled class."""
    return tuple(source for source in models if set(task.own_classes) <= set(source.classes))


def tune(task: Task, options: FineTuneOptions, source: SourceModel) -> Protocol[Fitted]:
    """One source that is able to, tuned on the labels."""
    flop = tuning_flop(task, options, source.model.description)
    fitted: Fitted = yield Compute("train", "fine-tuning", flop, lambda p: _tune(task, options, source, p))
    return replace(fitted, selected=(source.name,))


def _outputs(task: Task, source: SourceModel) -> Tensor:
    """For each labelled sample the index of its class among the source's outputs."""
    return torch.tensor([source.classes.index(int(label)) for label in task.labelled_y])


def _scores(task: Task, models: Models) -> dict[str, float]:
    """Accuracy on the labels plus at most half of a sample's worth of mean likelihood."""
    found = {}
    for source in models:
        p = torch.softmax(logits_of(source.model, task.labelled_x), dim=1)
        labels = _outputs(task, source)
        accuracy = (p.argmax(dim=1) == labels).float().mean()
        likelihood = p[torch.arange(len(labels)), labels].mean()
        found[source.name] = float(accuracy + likelihood / (2 * len(labels)))
    return found


def _tune(task: Task, options: FineTuneOptions, source: SourceModel, progress: Progress) -> Fitted:
    model, labels = source.model.train(), _outputs(task, source)
    inputs = model.encoder.standardise(torch.from_numpy(task.labelled_x))
    optimizer = Adam(model.parameters(), lr=options.learning_rate, fused=True)
    curve = []
    for step in range(options.steps):
        logits = model.head(model.encoder.tail(inputs, 0))
        loss = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        accuracy = float((logits.argmax(dim=1) == labels).float().mean())
        curve.append(CurveRow(step, float(loss.detach()), accuracy))
        progress(f"step {step + 1}/{options.steps}")
    return Fitted(widened(model.eval(), source.classes, len(task.classes)), curve=tuple(curve))
