"""A linear probe: logistic regression with an L2 penalty, whose few samples are all there is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hat_sim.learning.lbfgs import LBFGS
from hat_sim.learning.work import PROBE_STEPS


def probe(features: Tensor, labels: Tensor, classes: int, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights (classes, width) and biases (classes,) that minimise sum CE + penalty / 2 |W|^2.

    `features` is (samples, width), `labels` (samples,). A class without a label is all but ruled out.
    """
    weight = torch.zeros(classes, features.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = LBFGS([weight, bias], max_iter=PROBE_STEPS, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        error = nn.functional.cross_entropy(features @ weight.T + bias, labels, reduction="sum")
        total = error + penalty / 2 * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return float(total.detach())

    optimizer.step(loss)
    return weight.detach(), bias.detach()
