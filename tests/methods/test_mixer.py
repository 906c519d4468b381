"""The attention mixer against literal weights and predictions, and sources on the target's pool."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import Tensor, nn

from hat_sim.learning.architectures import ARCHITECTURES, describe, rank_of
from hat_sim.learning.models import build
from hat_sim.learning.source_model import SourceModel
from hat_sim.methods.hat.mixer import FEATURE_CLIP, AdaptedSource, AttentionMixer

SHAPES = {1: (6,), 2: (16, 2), 3: (1, 8, 8)}
ALL = slice(0, 2)


class Told(nn.Module):
    """A source with literal features (samples, 1) and predictions (samples, classes)."""

    width = 1

    def __init__(self, features: list[float], p: list[list[float]]) -> None:
        super().__init__()
        self.told, self.p = torch.tensor(features).float()[:, None], torch.tensor(p)

    def features(self, rows: slice) -> Tensor:
        return self.told[rows]

    def logits(self, features: Tensor) -> Tensor:
        return self.p.log()

    def anchor_distance(self) -> Tensor:
        return torch.tensor(2.0)


def mixer_of(
    sources: list[Told],
    classes: list[tuple[int, ...]],
    count: int,
    temperature: float = 1.0,
    attention: str = "attention",
) -> AttentionMixer:
    """A mixer of width 1 whose projections are all 1, so that a score is query times feature."""
    mixer = AttentionMixer(sources, classes, count, 1, 1, temperature, attention, seed=0)  # type: ignore[arg-type]
    with torch.no_grad():
        for projection in (mixer.query, *mixer.keys):
            projection.weight.fill_(1)
    return mixer


def test_the_fused_prediction_is_the_weighted_mixture() -> None:
    """Scores ln 3 and 0 are weights of 3/4 and 1/4 for the first sample, 0 and 0 a half each."""
    sources = [Told([log(3), 0], [[0.8, 0.2], [0.8, 0.2]]), Told([0, 0], [[0.4, 0.6], [0.1, 0.9]])]
    fused, weights = mixer_of(sources, [(0, 1), (0, 1)], 2)(torch.ones(2, 1), ALL)
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    torch.testing.assert_close(fused, torch.tensor([[0.7, 0.3], [0.45, 0.55]]))


def test_weights_depend_on_the_query_of_each_sample() -> None:
    """The query -1 turns ln 3 into 1/3 against 1."""
    sources = [Told([log(3)] * 2, [[0.5, 0.5]] * 2), Told([0] * 2, [[0.5, 0.5]] * 2)]
    _, weights = mixer_of(sources, [(0, 1), (0, 1)], 2)(torch.tensor([[1.0], [-1.0]]), ALL)
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25], [0.25, 0.75]]))


def test_temperature_and_width_flatten_the_weights() -> None:
    """tau = 2 halves the score of ln 9."""
    sources = [Told([log(9)] * 2, [[0.5, 0.5]] * 2), Told([0] * 2, [[0.5, 0.5]] * 2)]
    _, weights = mixer_of(sources, [(0, 1), (0, 1)], 2, temperature=2)(torch.ones(2, 1), ALL)
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25]] * 2))
    assert AttentionMixer([], [], 2, 1, 16, 5.0, "attention", 0).scale == 20


def test_equal_attention_is_the_mean_of_the_predictions() -> None:
    sources = [Told([9, 1], [[0.8, 0.2], [0.6, 0.4]]), Told([-3, 5], [[0.4, 0.6], [0.2, 0.8]])]
    fused, weights = mixer_of(sources, [(0, 1), (0, 1)], 2, attention="equal")(torch.ones(2, 1), ALL)
    assert weights.tolist() == [[0.5, 0.5]] * 2
    torch.testing.assert_close(fused, torch.tensor([[0.6, 0.4], [0.4, 0.6]]))


def test_a_class_that_a_source_does_not_know_is_left_to_the_others() -> None:
    """Source one knows classes 0 and 1, source two 1 and 2: .8, (.75*.2 + .25*.4), .6, normalised by 1.65.

    A zero for what a source has never seen would have made .6, .25, .15 of it.
    """
    sources = [Told([log(3)] * 2, [[0.8, 0.2]] * 2), Told([0] * 2, [[0.4, 0.6]] * 2)]
    fused, _ = mixer_of(sources, [(0, 1), (1, 2)], 3)(torch.ones(2, 1), ALL)
    torch.testing.assert_close(fused, torch.tensor([[0.8, 0.25, 0.6]] * 2) / 1.65)


def test_outputs_go_to_the_classes_they_stand_for() -> None:
    """A source may list its classes in any order."""
    sources = [Told([0] * 2, [[0.7, 0.2, 0.1]] * 2)]
    fused, _ = mixer_of(sources, [(2, 0, 1)], 3)(torch.ones(2, 1), ALL)
    torch.testing.assert_close(fused, torch.tensor([[0.2, 0.1, 0.7]] * 2))


def test_the_loss_is_the_likelihood_of_the_labels_and_the_anchors() -> None:
    """-(ln .7 + ln .55) / 2, and .03 times 2 for each of two sources."""
    sources = [Told([0, 0], [[0.7, 0.3], [0.45, 0.55]])] * 2
    mixer = mixer_of(sources, [(0, 1), (0, 1)], 2)
    fused, _ = mixer(torch.ones(2, 1), ALL)
    loss = mixer.loss(fused, torch.tensor([0, 1]), anchor=0.03)
    assert float(loss.detach()) == pytest.approx(-(log(0.7) + log(0.55)) / 2 + 0.03 * 4, rel=1e-5)


def test_a_mixer_depends_on_its_seed_alone() -> None:
    def projections(seed: int) -> list[Tensor]:
        torch.manual_seed(torch.randint(100, ()).item())
        mixer = AttentionMixer([Told([0, 0], [[1.0]] * 2)], [(0,)], 1, 4, 8, 1.0, "attention", seed)  # type: ignore[list-item]
        return [mixer.query.weight, mixer.keys[0].weight]

    assert all(map(torch.equal, projections(1), projections(1)))
    assert not any(map(torch.equal, projections(1), projections(2)))


@pytest.fixture(params=ARCHITECTURES)
def source(request: pytest.FixtureRequest) -> SourceModel:
    shape = SHAPES[rank_of(request.param)]
    return SourceModel("one", build(describe(request.param, shape, 3), seed=0).eval(), (0, 1, 2), 0.9)


@pytest.fixture
def pool(source: SourceModel) -> Tensor:
    noise = torch.Generator().manual_seed(0)
    return torch.randn(14, *source.model.description.shape, generator=noise)


def test_an_adapted_source_starts_with_its_own_predictions(source: SourceModel, pool: Tensor) -> None:
    """Standardising the features and moving the head along changes nothing, while nothing is clipped."""
    adapted = AdaptedSource(source, pool, 0)
    features = adapted.features(slice(0, 14))
    assert features.abs().max() < FEATURE_CLIP
    torch.testing.assert_close(adapted.logits(features), source.model(pool), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(features.mean(dim=0), torch.zeros(adapted.width), rtol=0, atol=1e-4)
    assert float(adapted.anchor_distance().detach()) == 0


def test_a_feature_that_stands_out_is_clipped(source: SourceModel, pool: Tensor) -> None:
    """A sample a hundred times as large as the others, of 60, lies more than five deviations away."""
    outlier = torch.cat([pool[:12].repeat(5, *[1] * (pool.ndim - 1)), 100 * pool[:1]])
    adapted = AdaptedSource(source, outlier, 0)
    features = adapted.features(slice(0, 61))
    with torch.no_grad():
        raw = (source.model.encoder(outlier) - adapted.mean) / adapted.deviation
    assert raw.abs().max() > FEATURE_CLIP
    assert features.abs().max() == FEATURE_CLIP
    torch.testing.assert_close(features, raw.clamp(-5, 5))


def test_an_anchor_is_the_squared_way_from_the_weights_that_came(source: SourceModel, pool: Tensor) -> None:
    adapted = AdaptedSource(source, pool, 0)
    with torch.no_grad():
        adapted.weight[0, 0] += 2
        adapted.bias[1] -= 3
    assert float(adapted.anchor_distance().detach()) == pytest.approx(13, rel=1e-4)


@pytest.mark.parametrize("unfrozen", [1, 2, 3, 9])
def test_frozen_features_are_those_that_are_computed_anew(
    source: SourceModel, pool: Tensor, unfrozen: int
) -> None:
    """The cache against its twin, which runs the last blocks, or all of them, each time."""
    cached = AdaptedSource(source, pool, 0)
    again = AdaptedSource(source, pool, unfrozen)
    for rows in (slice(0, 14), slice(0, 4)):
        torch.testing.assert_close(cached.features(rows), again.features(rows), rtol=1e-4, atol=1e-5)


def test_only_the_last_blocks_train(source: SourceModel, pool: Tensor) -> None:
    frozen = AdaptedSource(source, pool, 0)
    assert {name for name, p in frozen.named_parameters() if p.requires_grad} == {"weight", "bias"}
    adapted = AdaptedSource(source, pool, 1)
    *others, last = [block for block in adapted.encoder.blocks if list(block.parameters())]
    assert all(p.requires_grad for p in last.parameters())
    assert not any(p.requires_grad for block in others for p in block.parameters())
    adapted.logits(adapted.features(slice(0, 4))).sum().backward()
    trained = [p for p in adapted.parameters() if p.requires_grad]
    assert len(trained) > 2 and all(p.grad is not None for p in trained)
