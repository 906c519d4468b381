"""Label propagation and the linear probe, from numbers by hand and against what they promise."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.learning.probe import probe
from hat_sim.learning.propagation import neighbour_ties, propagated
from hat_sim.learning.work import probe_flop, propagation_flop

TWO_ALIKE = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])


def test_by_hand() -> None:
    """The first, labelled 0, is the second's neighbour: .5 x (1, 0) + .5 x (.5, .5). The third has none."""
    said = torch.full((3, 2), 0.5)
    found = propagated(said, TWO_ALIKE, torch.tensor([0]), neighbours=1, spread=0.5, rounds=4)
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0], [0.75, 0.25], [0.5, 0.5]]))


def test_without_rounds_the_labels_alone_are_held() -> None:
    said = torch.tensor([[0.3, 0.7], [0.2, 0.8], [0.6, 0.4]])
    found = propagated(said, TWO_ALIKE, torch.tensor([0]), neighbours=2, spread=0.9, rounds=0)
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0], [0.2, 0.8], [0.6, 0.4]]))


def test_a_graph_ties_either_way_round_and_never_to_oneself() -> None:
    graph = neighbour_ties(TWO_ALIKE, 1).mean_of(torch.eye(3))
    assert torch.equal(graph, torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))


def dense_graph(features: torch.Tensor, neighbours: int) -> torch.Tensor:
    """The plain twin: all cosines at once."""
    unit = torch.nn.functional.normalize(features, dim=1)
    cosines = (unit @ unit.T).fill_diagonal_(-1.0)
    values, places = cosines.topk(min(neighbours, len(features) - 1), dim=1)
    graph = torch.zeros_like(cosines).scatter(1, places, values.clamp_min(0.0))
    graph = torch.maximum(graph, graph.T)
    return graph / graph.sum(dim=1, keepdim=True).clamp_min(1e-9)


@pytest.mark.parametrize("samples", [1, 2, 7, 1500])
def test_the_sparse_graph_is_the_dense_one(samples: int) -> None:
    features = torch.randn(samples, 6, generator=torch.Generator().manual_seed(1))
    ties = neighbour_ties(features, 3)
    torch.testing.assert_close(ties.mean_of(torch.eye(samples)), dense_graph(features, 3))


@given(st.integers(1, 12), st.integers(1, 5), st.floats(0, 0.99), st.integers(0, 1000))
def test_it_gives_distributions_and_holds_the_labels(
    samples: int, neighbours: int, spread: float, seed: int
) -> None:
    noise = torch.Generator().manual_seed(seed)
    said = torch.rand(samples, 3, generator=noise) + 0.01
    said = said / said.sum(dim=1, keepdim=True)
    features = torch.randn(samples, 4, generator=noise)
    found = propagated(said, features, torch.tensor([2]), neighbours, spread, rounds=5)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(samples))
    assert (found >= 0).all()
    assert found[0].tolist() == [0, 0, 1]


@pytest.mark.parametrize("penalty", [0.1, 3.0])
def test_a_probe_is_where_its_loss_is_flat(penalty: float) -> None:
    noise = torch.Generator().manual_seed(0)
    features, labels = torch.randn(8, 5, generator=noise), torch.arange(8) % 3
    weight, bias = (it.requires_grad_() for it in probe(features, labels, 3, penalty))
    loss = torch.nn.functional.cross_entropy(features @ weight.T + bias, labels, reduction="sum")
    (loss + penalty / 2 * weight.square().sum()).backward()
    assert weight.grad is not None and bias.grad is not None
    assert float(weight.grad.abs().max()) < 1e-2 and float(bias.grad.abs().max()) < 1e-2


def test_a_probe_all_but_rules_out_a_class_without_a_label() -> None:
    features, labels = torch.eye(4), torch.tensor([0, 1, 0, 1])
    weight, bias = probe(features, labels, 3, 0.1)
    assert float(torch.softmax(features @ weight.T + bias, dim=1)[:, 2].max()) < 0.05


def test_work_is_declared() -> None:
    assert probe_flop(10, 4, 3) == 30 * 5 // 4 * 3 * 2 * 10 * 4 * 3
    assert propagation_flop(10, 4, 3, neighbours=2, rounds=5) == 2 * 10 * 10 * 4 + 5 * 2 * 2 * 2 * 10 * 3
