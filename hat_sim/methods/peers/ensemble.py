"""The sources themselves as the final predictor: their mean vote, or a probe stacked on all of them.

No student is trained. What stays on the target, and is exported, is every source's model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.ensembles import MeanVote, Stack
from hat_sim.learning.source_model import descriptions
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import CurveRow, Fitted, Task
from hat_sim.methods.peers.distillation import Models, fetch_all
from hat_sim.methods.peers.options import NoOptions, StackingOptions
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.methods.peers.work import stacking_flop, trial_flop
from hat_sim.protocol.effects import Compute, Progress, Protocol
from hat_sim.protocol.work import Work


def ensemble(task: Task, options: NoOptions) -> Protocol[Fitted]:
    """The mean of all sources' distributions; labels serve to look at it alone."""
    models = yield from fetch_all(task)
    if not models:
        return (yield from fall_back(task))
    flop = trial_flop(task, descriptions(models))
    return (yield from _kept(models, "mean vote", flop, lambda _: vote(task, models)))


def stacking(task: Task, options: StackingOptions) -> Protocol[Fitted]:
    """Logistic regression from all sources' features or logits to the labels (after Wolpert 1992).

    A class without a label is never predicted.
    """
    models = yield from fetch_all(task)
    if not models:
        return (yield from fall_back(task))
    flop = stacking_flop(task, options, descriptions(models))
    return (
        yield from _kept(models, "stacking", flop, lambda progress: stack(task, options, models, progress))
    )


def vote(task: Task, models: Models) -> Fitted:
    """The mean vote, and in its curve how it does on the labels."""
    model = MeanVote(models, len(task.classes)).eval()
    logits, labels = logits_of(model, task.labelled_x), torch.from_numpy(task.labelled_y)
    accuracy = float((logits.argmax(dim=1) == labels).float().mean())
    return Fitted(model, curve=(CurveRow(0, float(nn.functional.cross_entropy(logits, labels)), accuracy),))


def stack(task: Task, options: StackingOptions, models: Models, progress: Progress) -> Fitted:
    """A probe on standardised inputs that minimises CE + penalty |W|^2 on the labels."""
    model = Stack(models, len(task.classes), options.inputs == "features")
    model.fit_standardiser(torch.from_numpy(task.samples))
    labels = torch.from_numpy(task.labelled_y)
    with torch.no_grad():
        inputs = model.standardised(torch.from_numpy(task.labelled_x))
    optimizer = Adam(model.probe.parameters(), lr=options.learning_rate)
    curve = []
    for step in range(options.steps):
        logits = model.probe(inputs)
        loss = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        penalised = loss + options.penalty * model.probe.weight.square().sum()
        penalised.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        accuracy = float((logits.argmax(dim=1) == labels).float().mean())
        curve.append(CurveRow(step, float(loss.detach()), accuracy))
        progress(f"step {step + 1}/{options.steps}")
    return Fitted(model.eval(), curve=tuple(curve))


def _kept(models: Models, label: str, flop: Work, fit: Callable[[Progress], Fitted]) -> Protocol[Fitted]:
    fitted: Fitted = yield Compute("train", label, flop, fit)
    names = tuple(source.name for source in models)
    return replace(fitted, shortlisted=names, selected=names)
