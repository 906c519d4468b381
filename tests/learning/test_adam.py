"""Our Adam is torch's, and spares a process the import of torch's compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from hat_sim.learning.adam import Adam


@pytest.mark.parametrize("fused", [False, True])
def test_it_steps_as_torchs_own_does(fused: bool) -> None:
    models = []
    for kind in (Adam, torch.optim.Adam):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
        optimizer = kind(model.parameters(), lr=0.01, weight_decay=1e-4, fused=fused)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
        for _ in range(10):
            loss = model(torch.randn(4, 5)).square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
        models.append(model)
    ours, theirs = models
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_compiler_stays_out_of_a_process_that_trains() -> None:
    code = """
import sys, torch
from hat_sim.learning.adam import Adam
model = torch.nn.Linear(2, 2)
optimizer = Adam(model.parameters())
optimizer.zero_grad()
model(torch.ones(1, 2)).sum().backward()
optimizer.step()
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
