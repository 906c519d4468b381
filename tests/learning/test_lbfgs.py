"""Our L-BFGS is torch's, and spares a process the import of torch's compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from hat_sim.learning import probe as module
from hat_sim.learning.probe import probe


def test_a_probe_is_the_one_that_torchs_own_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    features = torch.randn(9, 20, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(9) % 3
    ours = probe(features, labels, 3, 0.3)
    monkeypatch.setattr(module, "LBFGS", torch.optim.LBFGS)
    theirs = probe(features, labels, 3, 0.3)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_the_compiler_stays_out_of_a_process_that_fits_a_probe() -> None:
    code = """
import sys, torch
from hat_sim.learning.probe import probe
probe(torch.eye(4), torch.tensor([0, 1, 0, 1]), 2, 0.3)
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
