"""The outlines of HaT and of its controls; coarse selection is the protocol's own, for it needs no model."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from hat_sim.learning.architectures import Description
from hat_sim.learning.work import reference_flop
from hat_sim.methods.asks import centroid_request, encoder_request, join, model_request, welcomes
from hat_sim.methods.base import Task
from hat_sim.methods.hat import coarse
from hat_sim.methods.hat.options import FusionOptions, HatOptions, RandomOptions, SelectionOptions
from hat_sim.methods.hat.work import joint_flop
from hat_sim.methods.outline import Choice, Known, Outline, descriptions, known, received, work
from hat_sim.methods.peers.outlines import alone, fetch_models
from hat_sim.protocol.effects import Ask, Compute, Replies
from hat_sim.protocol.messages import EncoderTransfer
from hat_sim.seeding import generator

Selecting = Generator[Ask | Compute | Choice, Any, dict[str, Known]]


def hat(task: Task, options: HatOptions) -> Outline:
    def joint(*sources: Description) -> int:
        return _joint_flop(task, options, sources)

    return (yield from _train_jointly(task, options, (yield from select(task, options, joint))))


def random_sources(task: Task, options: RandomOptions) -> Outline:
    joined = yield from join(task)
    order = generator(task.seed, "random sources").permutation(len(joined))
    models = yield from fetch_models(task, [joined[place] for place in order[: options.top]])
    return (yield from _train_jointly(task, options, models))


def all_sources(task: Task, options: FusionOptions) -> Outline:
    models = yield from fetch_models(task, (yield from join(task)))
    return (yield from _train_jointly(task, options, models))


def select(task: Task, options: SelectionOptions, flop: Callable[..., int]) -> Selecting:
    """The chosen sources, whose models came over; `flop` is the work that is done with such sources."""
    joined = yield from welcomes(task)
    shortlist = yield from coarse.select(task, options, tuple(joined))
    if options.fine_space == "reference":
        yield from _reference_centroids(task, options)
        request = centroid_request(task, options.reference_width)
        replies: Replies = yield Ask("fine", dict.fromkeys(shortlist, request))
    else:
        replies = yield Ask("fine", dict.fromkeys(shortlist, encoder_request(task)))
        yield from _encoder_centroids(task, replies)
    sources = {name: known(task, it.architecture, it.classes) for name, it in joined.items()}
    without = flop()
    added = {
        name: flop(it.description) - without if it.shares(task) else 0
        for name, it in sources.items()
        if name in replies.messages
    }
    wanted = model_request(task, "model" if options.fine_space == "reference" else "head")
    chosen = yield Choice(added, options.top, wanted)
    return received(task, (yield Ask("transfer", dict.fromkeys(chosen, wanted))))


def _reference_centroids(task: Task, options: SelectionOptions) -> Generator[Compute, Any, None]:
    flop = reference_flop(len(task.samples), task.description.shape, options.reference_width)
    yield work("fine", "reference centroids", flop)


def _encoder_centroids(task: Task, replies: Replies) -> Generator[Compute, Any, None]:
    encoders = replies.of(EncoderTransfer).values()
    each = [known(task, it.architecture, it.classes).description.encode_flop() for it in encoders]
    if each:
        yield work("fine", "encoder centroids", len(task.samples) * sum(each))


def _train_jointly(task: Task, options: FusionOptions, models: dict[str, Known]) -> Outline:
    sources = descriptions(it for it in models.values() if it.shares(task))
    if not sources:
        return (yield from alone(task))
    yield work("train", "joint training", _joint_flop(task, options, sources))
    return (task.description.name,)


def _joint_flop(task: Task, options: FusionOptions, sources: tuple[Description, ...]) -> int:
    labelled, samples = len(task.labelled_y), len(task.samples)
    return joint_flop(task.description, sources, labelled, samples, task.recipe, options)
