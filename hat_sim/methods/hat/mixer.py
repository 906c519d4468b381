"""The attention mixer: the predictions of the chosen sources, fused with a weight for each sample.

HaT weighs sources by the similarity of the target's representation of a sample to each source's. The form
is ours, after OKDDip (Chen et al., AAAI 2020): w_i(x) = softmax_i <W_q h_t(x), W_k^i h_i(x)> / (tau sqrt(d)),
with a projection W_k^i for each source, since the widths of their features differ. The fused prediction is
sum_i w_i(x) p_i(x), for each class over the sources that know it.

Sources are partly frozen: encoders stay as they came (or all but their last blocks), heads adapt to the few
labels, held by an L2 anchor to their own weights, in features standardised over the target's pool.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hat_sim.learning.source_model import SourceModel
from hat_sim.seeding import derive_seed

FEATURE_CLIP = 5.0


class AdaptedSource(nn.Module):
    """One source on the target's pool: what is frozen is encoded once, the rest is recomputed.

    Of the encoder's blocks that have parameters the last `unfrozen_blocks` train, in a copy.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, source: SourceModel, pool: Tensor, unfrozen_blocks: int) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(source.model.encoder)
        self.frozen_blocks = source.model.description.frozen_blocks(unfrozen_blocks)
        with torch.no_grad():
            self.stem = self.encoder.stem(pool, self.frozen_blocks)
            features = self.encoder.tail(self.stem, self.frozen_blocks)
        self.mean = features.mean(dim=0)
        self.deviation = features.std(dim=0).clamp_min(1e-3)
        weight, bias = source.model.head.weight.detach(), source.model.head.bias.detach()
        self.anchor_weight = weight * self.deviation
        self.anchor_bias = bias + weight @ self.mean
        self.weight = nn.Parameter(self.anchor_weight.clone())
        self.bias = nn.Parameter(self.anchor_bias.clone())
        self.cached = None if unfrozen_blocks else self._standardise(features)
        for parameter in self.encoder.parameters():
            parameter.requires_grad_(False)
        for block in list(self.encoder.blocks)[self.frozen_blocks :]:
            block.requires_grad_(True)

    @property
    def width(self) -> int:
        return len(self.mean)

    def features(self, rows: slice) -> Tensor:
        """Standardised features (rows, width) of these rows of the pool."""
        if self.cached is not None:
            return self.cached[rows]
        return self._standardise(self.encoder.tail(self.stem[rows], self.frozen_blocks))

    def logits(self, features: Tensor) -> Tensor:
        return features @ self.weight.T + self.bias

    def anchor_distance(self) -> Tensor:
        """|W - W0|^2 + |b - b0|^2."""
        return (self.weight - self.anchor_weight).square().sum() + (
            self.bias - self.anchor_bias
        ).square().sum()

    def _standardise(self, features: Tensor) -> Tensor:
        return ((features - self.mean) / self.deviation).clamp(-FEATURE_CLIP, FEATURE_CLIP)


class AttentionMixer(nn.Module):
    """Fuses adapted sources; `attention="equal"` keeps all weights equal, as a control."""

    def __init__(
        self,
        sources: Sequence[AdaptedSource],
        classes: Sequence[tuple[int, ...]],
        class_count: int,
        query_width: int,
        width: int,
        temperature: float,
        attention: str,
        seed: int,
    ) -> None:
        super().__init__()
        self.sources = sources
        self.adapted = nn.ModuleList(sources)
        self.outputs = [torch.tensor(known) for known in classes]
        self.known = torch.zeros(len(sources), class_count)
        for row, known in enumerate(classes):
            self.known[row, list(known)] = 1
        self.scale = temperature * width**0.5
        self.equal = attention == "equal"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "mixer"))
            self.query = nn.Linear(query_width, width, bias=False)
            self.keys = nn.ModuleList(nn.Linear(source.width, width, bias=False) for source in sources)

    def forward(self, queries: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """Fused distributions (rows, classes) and weights (rows, sources) for these rows of the pool."""
        asked = self.query(queries)
        scores, predictions = [], []
        for source, key, outputs in zip(self.sources, self.keys, self.outputs, strict=True):
            features = source.features(rows)
            scores.append((asked * key(features)).sum(dim=1) / self.scale)
            predictions.append(self._prediction(source, features, outputs))
        weights = torch.softmax(torch.stack(scores, dim=1) * (0.0 if self.equal else 1.0), dim=1)
        return self._fused(weights, predictions), weights

    def equally(self, rows: slice) -> Tensor:
        """Fused distributions (rows, classes) of the same sources with equal weights."""
        predictions = [
            self._prediction(source, source.features(rows), outputs)
            for source, outputs in zip(self.sources, self.outputs, strict=True)
        ]
        count = len(self.sources)
        return self._fused(torch.full((len(predictions[0]), count), 1 / count), predictions)

    def _prediction(self, source: AdaptedSource, features: Tensor, outputs: Tensor) -> Tensor:
        """A source's distributions (rows, classes), 0 for what it does not know."""
        p = torch.softmax(source.logits(features), dim=1)
        return torch.zeros(len(p), self.known.shape[1]).index_copy(1, outputs, p)

    def _fused(self, weights: Tensor, predictions: Sequence[Tensor]) -> Tensor:
        fused = torch.einsum("ns,snc->nc", weights, torch.stack(list(predictions)))
        coverage = weights @ self.known
        fused = fused / coverage.clamp_min(1e-6)
        return fused / fused.sum(dim=1, keepdim=True)

    def loss(self, fused: Tensor, labels: Tensor, anchor: float) -> Tensor:
        """Negative log likelihood of the labels under the mixture, and the anchor of the heads."""
        likelihood = fused[torch.arange(len(labels)), labels].clamp_min(1e-6)
        distance = torch.stack([source.anchor_distance() for source in self.sources]).sum()
        return -likelihood.log().mean() + anchor * distance
