"""HaT from the first message to the trained student: read it beside the paper's algorithm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from hat_sim.learning.centroids import class_centroids
from hat_sim.learning.models import Classifier
from hat_sim.learning.reference import reference_features, standardise_features
from hat_sim.learning.source_model import SourceModel, class_indices, fill
from hat_sim.learning.training import posteriors
from hat_sim.methods.asks import (
    Reads,
    centroid_request,
    encoder_request,
    join_reading,
    posterior_request,
    reference_seed,
)
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.exchange import Fetched, blank_model, fetch_chosen, fetch_heads, fetch_models
from hat_sim.methods.hat import coarse, fine
from hat_sim.methods.hat.joint import JointTraining
from hat_sim.methods.hat.options import FusionOptions, HatOptions, SelectionOptions
from hat_sim.methods.hat.work import spaces_flop, spaces_of
from hat_sim.methods.peers.target_only import fall_back
from hat_sim.protocol.effects import Ask, Compute, Protocol, Replies
from hat_sim.protocol.messages import Centroids, EncoderTransfer, shaped
from hat_sim.protocol.work import Work
from hat_sim.seeding import derive_seed
from hat_sim.sensors import Places, taken


def hat(task: Task, options: HatOptions) -> Protocol[Fitted]:
    """Expand the fleet by one target: select, fetch, fuse, and distil."""
    selection = yield from select(task, options)
    fitted = yield from train_jointly(task, options, selection.models)
    return replace(
        fitted,
        shortlisted=selection.shortlist,
        scores=selection.scores,
        similarities=selection.similarities,
        replaced=selection.replaced,
    )


@dataclass(frozen=True)
class Selection:
    """Who passed coarse selection, the scores of fine selection, and the models that were fetched.

    `similarities` are those of both, by coarse measure and by fine space. `replaced` holds the sources whose
    models could not be had, with those that took their places.
    """

    shortlist: tuple[str, ...]
    similarities: dict[str, dict[str, float]]
    scores: dict[str, float]
    models: tuple[SourceModel, ...]
    replaced: dict[str, str | None]


def select(task: Task, options: SelectionOptions) -> Protocol[Selection]:
    """Coarse, then fine selection; the chosen sources' models come over."""
    joined = yield from join_reading(task)
    coarsely = yield from coarse.compare(task, options, joined)
    shortlist = coarse.shortlist(coarsely, options)
    own = task.own_class_names
    encoders: dict[str, Classifier] = {}
    whole: dict[str, SourceModel] = {}
    match options.fine_space:
        case "reference":
            candidates = yield from candidates_in_reference_space(task, options, shortlist, joined)
        case "encoder":
            candidates, encoders = yield from candidates_in_encoder_space(task, shortlist)
        case "logit":
            candidates, whole = yield from candidates_in_logit_space(task, shortlist)
    finely = fine.similarities(candidates, own)
    ranking = fine.scores(finely, candidates)
    choose = partial(fine.best, ranking, candidates, own, options)
    if options.fine_space == "reference":
        fetched = yield from fetch_chosen(choose, partial(fetch_models, task))
    elif options.fine_space == "encoder":
        fetched = yield from fetch_chosen(choose, partial(fetch_heads, task, encoders=encoders))
    else:
        fetched = Fetched(tuple(whole[name] for name in choose()), {})
    similarities: dict[str, dict[str, float]] = {options.similarity: coarsely, options.fine_space: finely}
    return Selection(shortlist, similarities, ranking, fetched.models, fetched.replaced)


def candidates_in_reference_space(
    task: Task, options: SelectionOptions, shortlist: tuple[str, ...], reads: Reads | None = None
) -> Protocol[dict[str, fine.Candidate]]:
    """Class centroids in the space of a random encoder: no model moves.

    Of each source in that of an encoder for the channels that it `reads`, by default all.
    """
    reads, seed = reads or {}, reference_seed(task)
    width = options.reference_width
    samples = task.samples

    def own_centroids(places: Places | None) -> NDArray[np.float32]:
        features = standardise_features(reference_features(taken(samples, places), width, seed))
        return class_centroids(features[: len(task.labelled_y)], task.labelled_y, task.own_classes)

    spaces = spaces_of(shortlist, reads)
    flop = spaces_flop(task, spaces, width)
    own = yield Compute("fine", "reference centroids", flop, lambda _: list(map(own_centroids, spaces)))
    replies: Replies = yield Ask("fine", dict.fromkeys(shortlist, centroid_request(task, width)))

    def candidate(name: str, reply: Centroids) -> fine.Candidate:
        centroids = shaped(reply.centroids, (len(reply.classes), width))
        return fine.Candidate(reply.classes, centroids, own[spaces.index(reads.get(name))], reply.accuracy)

    return replies.made(Centroids, candidate)


def candidates_in_encoder_space(
    task: Task, shortlist: tuple[str, ...]
) -> Protocol[tuple[dict[str, fine.Candidate], dict[str, Classifier]]]:
    """Class centroids in each source's own feature space; its encoder comes over for it.

    Either side standardises the features by its own domain (ours), as in the reference space.
    """
    replies: Replies = yield Ask("fine", dict.fromkeys(shortlist, encoder_request(task)))
    received = replies.made(EncoderTransfer, lambda _, transfer: (_encoder(task, transfer), transfer))
    samples = torch.from_numpy(task.samples)

    def centroids(_: object) -> dict[str, fine.Candidate]:
        candidates = {}
        for name, (model, transfer) in received.items():
            with torch.no_grad():
                features = standardise_features(model.encoder(samples).numpy())
            own = class_centroids(features[: len(task.labelled_y)], task.labelled_y, task.own_classes)
            candidates[name] = fine.Candidate(transfer.classes, transfer.centroids, own, transfer.accuracy)
        return candidates

    flop = len(samples) * sum((model.description.encoding() for model, _ in received.values()), Work(0))
    candidates = (yield Compute("fine", "encoder centroids", flop, centroids)) if received else {}
    return candidates, {name: model for name, (model, _) in received.items()}


def candidates_in_logit_space(
    task: Task, shortlist: tuple[str, ...]
) -> Protocol[tuple[dict[str, fine.Candidate], dict[str, SourceModel]]]:
    """Centroids of class posteriors; each whole model comes over for it, and none is fetched again.

    The target asks what a source's model says, on average, of the source's own samples of each class, and
    lets the model speak of its labelled ones. Posteriors have one scale, so they are not standardised (ours).
    """
    models = {it.name: it for it in (yield from fetch_models(task, shortlist, "fine"))}
    replies: Replies = yield Ask("fine", dict.fromkeys(models, posterior_request(task)))

    def checked(name: str, reply: Centroids) -> Centroids:
        shaped(reply.centroids, (len(reply.classes), models[name].model.description.head.outputs))
        return reply

    received = replies.made(Centroids, checked)
    labelled = task.labelled_x

    def centroids(_: object) -> dict[str, fine.Candidate]:
        candidates = {}
        for name, reply in received.items():
            own = class_centroids(posteriors(models[name].model, labelled), task.labelled_y, task.own_classes)
            candidates[name] = fine.Candidate(reply.classes, reply.centroids, own, reply.accuracy)
        return candidates

    flop = len(labelled) * sum((models[name].model.description.forward for name in received), Work(0))
    candidates = (yield Compute("fine", "posterior centroids", flop, centroids)) if received else {}
    return candidates, models


def train_jointly(task: Task, options: FusionOptions, models: tuple[SourceModel, ...]) -> Protocol[Fitted]:
    """The mixer, the dictionary and the student, on the target, with what models know any labelled class."""
    models = tuple(model for model in models if set(model.classes) & set(task.own_classes))
    if not models:
        return (yield from fall_back(task))
    training = JointTraining(
        task.description, task.pool, models, options, task.recipe, derive_seed(task.seed, "joint training")
    )
    fitted: Fitted = yield Compute("train", "joint training", training.flop(), training)
    names = tuple(model.name for model in models)
    return replace(fitted, shortlisted=names, selected=names)


def _encoder(task: Task, transfer: EncoderTransfer) -> Classifier:
    """A model whose encoder is the one received; its head is still to come."""
    classes = class_indices(transfer.classes, task.classes)
    model = blank_model(task, transfer, len(classes))
    fill(model.encoder, transfer.weights)
    shaped(transfer.centroids, (len(classes), model.description.width))
    return model.eval()
