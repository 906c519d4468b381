"""A source's model on its way: from weights to tensors for a link, and from such tensors to a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from hat_sim.learning.architectures import ARCHITECTURES, Description, describe, fitting
from hat_sim.learning.models import Classifier, Standardise, build, load_weights, weights_of
from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import Precision
from hat_sim.protocol.weights import pack, unpack
from hat_sim.sensors import Places, shape_taken

NEVER = -1e4
"""The logit of a class that a source does not know."""


@dataclass(frozen=True)
class SourceModel:
    """A source's model as the target received it.

    `classes` are the target's class indices of the model's outputs; `accuracy` is what the source claims
    from its own validation samples.
    """

    name: str
    model: Classifier
    classes: tuple[int, ...]
    accuracy: float


def descriptions(models: Sequence[SourceModel]) -> tuple[Description, ...]:
    """What these models are."""
    return tuple(source.model.description for source in models)


def description_of(
    architecture: str, shape: tuple[int, ...], classes: int, reads: Places | None = None
) -> Description:
    """The architecture that a frame names, over those channels of samples of `shape` that it reads.

    ProtocolError where it is unknown or reads other inputs.
    """
    if architecture not in ARCHITECTURES:
        raise ProtocolError(Fault.FIELD, f"no architecture is called {architecture[:40]!r}")
    try:
        return describe(architecture, shape_taken(shape, reads), classes)
    except ValueError as error:
        raise ProtocolError(Fault.SHAPE, str(error)) from None


def architecture_of(model: object) -> str | None:
    """The architecture of the catalogue whose classifier a model is, None where it is none."""
    if type(model) is not Classifier:
        return None
    of = model.description
    known = of.name in fitting(of.shape) and of == describe(of.name, of.shape, of.head.outputs)
    return of.name if known else None


def empty_model(description: Description) -> Classifier:
    """A model to be filled by `fill`."""
    return build(description, seed=0)


def packed(module: nn.Module, precision: Precision) -> tuple[NDArray[Any], ...]:
    """The tensors that send a module: a model, its encoder or its head."""
    return pack(weights_of(module), precision)


def fill(module: nn.Module, tensors: Sequence[NDArray[Any]]) -> None:
    """Fill a module with what `packed` sent; ProtocolError where the tensors do not fit it."""
    load_weights(module, unpack(tensors, [array.shape for array in weights_of(module)]))
    for part in module.modules():
        if isinstance(part, Standardise) and not (part.deviation > 0).all():
            raise ProtocolError(Fault.TENSOR, "a standardiser divides by 0 or less")


def narrowed(model: Classifier, outputs: Sequence[int]) -> Classifier:
    """The classifier that tells only these of its classes apart, in their order; the encoder is shared."""
    of = model.description
    narrow = empty_model(describe(of.name, of.shape, len(outputs)))
    narrow.encoder = model.encoder
    with torch.no_grad():
        narrow.head.weight.copy_(model.head.weight[list(outputs)])
        narrow.head.bias.copy_(model.head.bias[list(outputs)])
    return narrow.train(model.training)


def widened(model: Classifier, classes: Sequence[int], total: int) -> Classifier:
    """The model with `total` outputs, its own at `classes`; it never predicts any of the others."""
    of = model.description
    wide = empty_model(describe(of.name, of.shape, total))
    wide.encoder = model.encoder
    with torch.no_grad():
        wide.head.weight.zero_()
        wide.head.bias.fill_(NEVER)
        wide.head.weight[list(classes)] = model.head.weight
        wide.head.bias[list(classes)] = model.head.bias
    return wide.train(model.training)


def class_indices(names: Sequence[str], classes: Sequence[str]) -> tuple[int, ...]:
    """Indices in the target's `classes` of a source's class names; ProtocolError for one it has not.

    Each class at most once, and one at least.
    """
    if len(set(names)) < len(names):
        raise ProtocolError(Fault.FIELD, "a class twice")
    unknown = [name for name in names if name not in classes]
    if unknown or not names:
        raise ProtocolError(Fault.FIELD, f"classes that were not asked for: {unknown[:5]}")
    return tuple(classes.index(name) for name in names)
