"""Predictors of several models: what they say, and that they can be taken elsewhere."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load
from torch import nn

from hat_sim.learning.architectures import describe
from hat_sim.learning.ensembles import MeanVote, Stack
from hat_sim.learning.export import export
from hat_sim.learning.fusion import equal_weights, mixture, votes_of
from hat_sim.learning.models import build
from hat_sim.learning.source_model import SourceModel


def source(architecture: str, classes: tuple[int, ...], seed: int) -> SourceModel:
    model = build(describe(architecture, (16, 2), len(classes)), seed).eval()
    return SourceModel(architecture, model, classes, 0.5)


MODELS = (source("cnn-small", (0, 1), 0), source("gru", (2, 1), 1), source("cnn-small", (1,), 2))
X = torch.randn(9, 16, 2, generator=torch.Generator().manual_seed(0))


def stacked(by_features: bool) -> Stack:
    stack = Stack(MODELS, 4, by_features)
    stack.fit_standardiser(X)
    return stack.eval()


def test_a_mean_vote_is_the_equal_mixture() -> None:
    """A class that nobody knows is as good as impossible, and finite."""
    found = MeanVote(MODELS, 4).eval()(X)
    votes = votes_of(MODELS, X, 4)
    torch.testing.assert_close(found.softmax(dim=1), mixture(votes, equal_weights(votes)))
    assert bool(torch.isfinite(found).all()) and bool((found[:, 3] < -20).all())


def test_a_stack_reads_its_members_side_by_side() -> None:
    """Standardised over the samples it was fitted to: with mean 0 and deviation 1."""
    features = stacked(by_features=True).standardised(X)
    assert features.shape == (9, sum(it.model.description.width for it in MODELS))
    logits = stacked(by_features=False).standardised(X)
    plain = torch.cat([it.model(X) for it in MODELS], dim=1)
    plain = (plain - plain.mean(dim=0)) / plain.std(dim=0).clamp_min(1e-3)
    torch.testing.assert_close(logits, plain)


def test_an_unfitted_probe_prefers_no_class() -> None:
    assert bool((stacked(by_features=True)(X) == 0).all())


@pytest.mark.parametrize("model", [MeanVote(MODELS, 4), stacked(True), stacked(False)])
def test_what_is_exported_is_the_whole_predictor(model: nn.Module, tmp_path) -> None:
    """Its program gives the same logits, its weights are named, and the file says what it is."""
    exported = export(model, X.numpy())
    assert exported == export(model, X.numpy())
    weights = load(exported.weights)
    assert set(weights) == set(model.state_dict())
    (tmp_path / "weights").write_bytes(exported.weights)
    with safe_open(tmp_path / "weights", "pt") as file:
        origin = json.loads(file.metadata()["hat_sim"])
    assert origin == {"architecture": type(model).__name__, "shape": [16, 2]}
