"""The outlines of the peers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from hat_sim.learning.architectures import Description
from hat_sim.methods.asks import join, join_reading, model_request, predict_requests
from hat_sim.methods.base import Left, Task
from hat_sim.methods.outline import Choice, Known, Outline, added, descriptions, received, student, work
from hat_sim.methods.peers.options import (
    DistillationOptions,
    FineTuneOptions,
    NoOptions,
    SelectorOptions,
    StackingOptions,
)
from hat_sim.methods.peers.work import (
    Sources,
    adaptation_flop,
    adapter_flop,
    alone_flop,
    distillation_flop,
    scoring_flop,
    stacking_flop,
    taught_flop,
    trial_flop,
    tuning_flop,
)
from hat_sim.protocol.effects import Ask, Compute, Phase
from hat_sim.protocol.messages import Predictions

Fetching = Generator[Ask | Compute | Choice, Any, dict[str, Known]]


def target_only(task: Task, options: NoOptions) -> Outline:
    return (yield from alone(task))


def fine_tune(task: Task, options: FineTuneOptions) -> Outline:
    able = _able(task, (yield from _fetch_all(task)))
    if not able:
        return (yield from alone(task))
    yield work("train", "try the sources", trial_flop(task, descriptions(able.values())))
    return (yield from _tuned(task, options, able))


def ensemble(task: Task, options: NoOptions) -> Outline:
    return (yield from _kept(task, "mean vote", lambda sources: trial_flop(task, sources)))


def stacking(task: Task, options: StackingOptions) -> Outline:
    return (yield from _kept(task, "stacking", lambda sources: stacking_flop(task, options, sources)))


def distil_all(task: Task, options: DistillationOptions) -> Outline:
    """Every method whose formula weighs or counts what all sources say."""
    return (yield from _distilled(task, lambda sources: 0))


def amtml_kd(task: Task, options: DistillationOptions) -> Outline:
    return (yield from _distilled(task, lambda sources: adapter_flop(task, sources)))


def decision(task: Task, options: DistillationOptions) -> Outline:
    return (yield from _distilled(task, lambda sources: adaptation_flop(task, sources)))


def distill_nearest(task: Task, options: DistillationOptions) -> Outline:
    return (yield from select(task, SelectorOptions(top=1)))


def distill_weighted(task: Task, options: DistillationOptions) -> Outline:
    models = yield from _fetch_all(task)
    if not models:
        return (yield from alone(task))
    sources = descriptions(models.values())
    yield work("train", "score the sources", scoring_flop(task, sources))
    return (yield from _taught(task, taught_flop(task, sources)))


def fedmd(task: Task, options: DistillationOptions) -> Outline:
    reads = yield from join_reading(task)
    asked = tuple(reads)
    for _, requests in predict_requests(task, reads):
        replies = yield Ask("transfer", {name: requests[name] for name in asked})
        asked = tuple(replies.of(Predictions))
    if not asked:
        return (yield from alone(task))
    return (yield from _taught(task, distillation_flop(task)))


def select(task: Task, options: SelectorOptions) -> Outline:
    """By whatever score."""
    models = yield from _fetch_all(task)
    if not models:
        return (yield from alone(task))
    yield work("train", "score the sources", scoring_flop(task, descriptions(models.values())))
    if options.then == "fine-tune":
        able = _able(task, models)
        return (yield from _tuned(task, options, able) if able else alone(task))
    none = taught_flop(task, ())
    chosen = yield Choice(
        {name: added(taught_flop(task, (it.description,)), none) for name, it in models.items()}, options.top
    )
    return (yield from _taught(task, taught_flop(task, descriptions(models[name] for name in chosen))))


def alone(task: Task) -> Outline:
    """The student on its labels."""
    yield work("train", "training alone", alone_flop(task))
    return student(task)


def fetch_models(task: Task, chosen: Iterable[str], phase: Phase = "transfer") -> Fetching:
    """The sources whose whole models came over."""
    replies = yield Ask(phase, dict.fromkeys(chosen, model_request(task, "model")))
    return received(task, replies)


def _fetch_all(task: Task) -> Fetching:
    return (yield from fetch_models(task, (yield from join(task))))


def _able(task: Task, models: dict[str, Known]) -> dict[str, Known]:
    return {name: it for name, it in models.items() if it.knows_all(task)}


def _tuned(task: Task, options: FineTuneOptions, able: dict[str, Known]) -> Outline:
    """The one of them that is best, whose own model stays."""
    flop = {name: tuning_flop(task, options, it.description) for name, it in able.items()}
    [best] = yield Choice(flop, 1)
    yield work("train", "fine-tuning", flop[best])
    return tuple(dict.fromkeys(Left(it.description.name, it.sensors) for it in able.values()))


def _kept(task: Task, label: str, flop: Callable[[Sources], int]) -> Outline:
    models = yield from _fetch_all(task)
    if not models:
        return (yield from alone(task))
    yield work("train", label, flop(descriptions(models.values())))
    return ()


def _distilled(task: Task, further_flop: Callable[[tuple[Description, ...]], int]) -> Outline:
    models = yield from _fetch_all(task)
    if not models:
        return (yield from alone(task))
    sources = descriptions(models.values())
    return (yield from _taught(task, taught_flop(task, sources) + further_flop(sources)))


def _taught(task: Task, flop: int) -> Outline:
    yield work("train", "distillation", flop)
    return student(task)
