"""The teacher: experts on the target's samples, agreed on class by class, and spread over neighbours.

Three experts: the sources with their heads adapted to the labels and held by an anchor, weighed equally; a
probe on the features of these sources side by side; and a probe on random features that need no source. They
are multiplied (equal powers), each class over the experts that know it, and the product is propagated over
the pool. How good it is is told by labels kept from the experts, fold by fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.fusion import Votes, consensus, equal_weights, mixture, votes
from hat_sim.learning.probe import probe
from hat_sim.learning.propagation import propagated
from hat_sim.learning.reference import reference_features, standardise_features
from hat_sim.learning.source_model import SourceModel
from hat_sim.methods.base import Task
from hat_sim.methods.hat.mixer import AdaptedSource
from hat_sim.methods.hat_plus.options import HatPlusOptions, SpreadOptions
from hat_sim.methods.hat_plus.work import folds
from hat_sim.seeding import derive_seed

SUREST = 1e-4
"""No expert says less than this of a class that it knows: one alone must not rule a class out."""


@dataclass(frozen=True)
class Taught:
    """What the teacher says of the pool (samples, classes), and its accuracy on labels kept from it.

    None where no class has a second label to keep.
    """

    teacher: Tensor
    held_out: float | None


@dataclass(frozen=True)
class Teacher:
    """The teacher of a task, under the settings of a method. One expert needs no source."""

    task: Task
    sources: Sequence[SourceModel]
    options: SpreadOptions

    def taught(self) -> Taught:
        labels = self._labels
        rows = torch.arange(len(labels))
        held, right = 0, 0
        for fold in range(folds(self.task.labelled_y)):
            out = self._held_out(fold)
            if len(out):
                said = self._agreed(rows[~torch.isin(rows, out)])
                held += len(out)
                right += int((said[out].argmax(dim=1) == labels[out]).sum())
        spread = propagated(
            self._agreed(rows),
            self._resemblance,
            labels,
            self.options.neighbours,
            self.options.spread,
            self.options.rounds,
        )
        return Taught(spread, right / held if held else None)

    def _agreed(self, rows: Tensor) -> Tensor:
        """The product of the experts (samples, classes) that are fitted on these labelled rows."""
        known = torch.zeros(len(self.task.classes), dtype=torch.bool)
        known[self._labels[rows]] = True
        said = [self._probed(self._own, rows)]
        knows = [known]
        if self.sources:
            heads = self._heads(rows)
            said += [self._probed(self._side_by_side, rows), mixture(heads, equal_weights(heads))]
            knows += [known, heads.known.any(dim=0)]
        log_p = torch.stack(said, dim=1).clamp_min(SUREST).log()
        experts = Votes(log_p, torch.stack(knows))
        return torch.softmax(consensus(experts, equal_weights(experts)), dim=1)

    def _probed(self, features: Tensor, rows: Tensor) -> Tensor:
        """Distributions (samples, classes) of a probe on these rows."""
        weight, bias = probe(features[rows], self._labels[rows], len(self.task.classes), self.options.penalty)
        return torch.softmax(features @ weight.T + bias, dim=1)

    def _heads(self, rows: Tensor) -> Votes:
        """What the sources say of the pool when their heads have been adapted to these rows."""
        logits = [
            self._head(it, source, rows) for it, source in zip(self._adapted, self.sources, strict=True)
        ]
        return votes(logits, [source.classes for source in self.sources], len(self.task.classes))

    def _head(self, adapted: AdaptedSource, source: SourceModel, rows: Tensor) -> Tensor:
        """Logits (samples, outputs); labels of a class that the source does not know are left out."""
        options = self.options
        assert isinstance(options, HatPlusOptions)
        features = adapted.features(slice(None))
        with torch.no_grad():
            adapted.weight.copy_(adapted.anchor_weight)
            adapted.bias.copy_(adapted.anchor_bias)
        rows = rows[torch.isin(self._labels[rows], torch.tensor(source.classes))]
        place = {label: output for output, label in enumerate(source.classes)}
        outputs = torch.tensor([place[int(label)] for label in self._labels[rows]], dtype=torch.long)
        optimizer = Adam([adapted.weight, adapted.bias], lr=options.head_learning_rate)
        for _ in range(options.head_steps if len(rows) else 0):
            loss = nn.functional.cross_entropy(adapted.logits(features[rows]), outputs)
            loss = loss + options.anchor * adapted.anchor_distance()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return adapted.logits(features).detach()

    def _held_out(self, fold: int) -> Tensor:
        """Of each class that has more than one label, the one that this fold keeps from the experts."""
        labels = self._labels
        same = labels[:, None] == labels[None, :]
        earlier = torch.tril(same, diagonal=-1).sum(dim=1)
        return torch.nonzero((earlier == fold) & (same.sum(dim=1) > 1)).flatten()

    @cached_property
    def _labels(self) -> Tensor:
        return torch.from_numpy(self.task.labelled_y)

    @cached_property
    def _adapted(self) -> list[AdaptedSource]:
        pool = torch.from_numpy(self.task.samples)
        return [AdaptedSource(source, pool, unfrozen_blocks=0) for source in self.sources]

    @cached_property
    def _side_by_side(self) -> Tensor:
        """The features of all sources (samples, widths), each source's of length 1."""
        with torch.no_grad():
            parts = [nn.functional.normalize(it.features(slice(None)), dim=1) for it in self._adapted]
        return _of_mean_length_1(torch.cat(parts, dim=1))

    @cached_property
    def _own(self) -> Tensor:
        """Random features (samples, own_width) of the target's samples."""
        seed = derive_seed(self.task.seed, "own encoder")
        features = reference_features(self.task.samples, self.options.own_width, seed)
        return _of_mean_length_1(torch.from_numpy(standardise_features(features)))

    @cached_property
    def _resemblance(self) -> Tensor:
        """What neighbours are told by: both kinds of features, with the same weight."""
        own = nn.functional.normalize(self._own, dim=1)
        if not self.sources:
            return own
        return torch.cat([nn.functional.normalize(self._side_by_side, dim=1), own], dim=1)


def _of_mean_length_1(features: Tensor) -> Tensor:
    """Scaled as a whole, so that a penalty means the same whatever the width."""
    scaled: Tensor = features / features.norm(dim=1).mean().clamp_min(1e-9)
    return scaled
