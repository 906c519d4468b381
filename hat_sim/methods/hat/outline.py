"""The outlines of HaT and of its controls; coarse selection is the protocol's own, for it needs no model."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from hat_sim.learning.architectures import Description
from hat_sim.methods.asks import (
    Reads,
    centroid_request,
    encoder_request,
    join,
    model_request,
    posterior_request,
    reads_of,
    welcomes,
)
from hat_sim.methods.base import Task
from hat_sim.methods.hat import coarse
from hat_sim.methods.hat.options import FusionOptions, HatOptions, RandomOptions, SelectionOptions
from hat_sim.methods.hat.work import joint_flop, spaces_flop, spaces_of
from hat_sim.methods.outline import (
    Choice,
    Known,
    Outline,
    added,
    descriptions,
    known,
    received,
    student,
    work,
)
from hat_sim.methods.peers.outlines import alone, fetch_models
from hat_sim.protocol.effects import Ask, Compute, Replies
from hat_sim.protocol.messages import Centroids, EncoderTransfer, ModelRequest
from hat_sim.protocol.work import Work
from hat_sim.seeding import generator

Selecting = Generator[Ask | Compute | Choice, Any, dict[str, Known]]
Asking = Generator[Ask | Compute, Any, tuple[str, ...]]
"""Who has answered, so that it can be chosen."""


def hat(task: Task, options: HatOptions) -> Outline:
    def joint(*sources: Description) -> Work:
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


def select(task: Task, options: SelectionOptions, flop: Callable[..., Work]) -> Selecting:
    """The chosen sources, whose models came over; `flop` is the work that is done with such sources."""
    joined = yield from welcomes(task)
    reads = reads_of(task, joined)
    similarity = yield from coarse.compare(task, options, reads)
    shortlist = coarse.shortlist(similarity, options)
    here: dict[str, Known] = {}
    wanted: ModelRequest | None = model_request(task, "model")
    match options.fine_space:
        case "reference":
            heard = yield from _ask_in_reference_space(task, options, shortlist, reads)
        case "encoder":
            heard = yield from _ask_in_encoder_space(task, shortlist)
            wanted = model_request(task, "head")
        case "logit":
            here = yield from fetch_models(task, shortlist, "fine")
            heard = yield from _ask_in_logit_space(task, here)
            wanted = None
    sources = {name: known(task, it) for name, it in joined.items()}
    without = flop()
    beyond = {
        name: added(flop(it.description), without) if it.shares(task) else Work(0)
        for name, it in sources.items()
        if name in heard
    }
    chosen = yield Choice(beyond, options.top, wanted)
    if wanted is None:
        return {name: here[name] for name in chosen}
    return received(task, (yield Ask("transfer", dict.fromkeys(chosen, wanted))))


def _ask_in_reference_space(
    task: Task, options: SelectionOptions, shortlist: tuple[str, ...], reads: Reads
) -> Asking:
    flop = spaces_flop(task, spaces_of(shortlist, reads), options.reference_width)
    yield work("fine", "reference centroids", flop)
    request = centroid_request(task, options.reference_width)
    replies: Replies = yield Ask("fine", dict.fromkeys(shortlist, request))
    return tuple(replies.of(Centroids))


def _ask_in_encoder_space(task: Task, shortlist: tuple[str, ...]) -> Asking:
    replies: Replies = yield Ask("fine", dict.fromkeys(shortlist, encoder_request(task)))
    encoders = replies.of(EncoderTransfer)
    each = [known(task, it).description.encoding() for it in encoders.values()]
    if each:
        yield work("fine", "encoder centroids", len(task.samples) * sum(each, Work(0)))
    return tuple(encoders)


def _ask_in_logit_space(task: Task, models: dict[str, Known]) -> Asking:
    replies: Replies = yield Ask("fine", dict.fromkeys(models, posterior_request(task)))
    heard = tuple(replies.of(Centroids))
    if heard:
        flop = len(task.labelled_y) * sum((models[name].description.forward for name in heard), Work(0))
        yield work("fine", "posterior centroids", flop)
    return heard


def _train_jointly(task: Task, options: FusionOptions, models: dict[str, Known]) -> Outline:
    sources = descriptions(it for it in models.values() if it.shares(task))
    if not sources:
        return (yield from alone(task))
    yield work("train", "joint training", _joint_flop(task, options, sources))
    return student(task)


def _joint_flop(task: Task, options: FusionOptions, sources: tuple[Description, ...]) -> Work:
    labelled, samples = len(task.labelled_y), len(task.samples)
    return joint_flop(task.description, sources, labelled, samples, task.recipe, options)
