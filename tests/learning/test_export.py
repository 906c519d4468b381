"""An exported model is the model, also where nobody has hat_sim."""

from __future__ import annotations

import copy
import io
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

from hat_sim.errors import InternalError
from hat_sim.learning.architectures import ARCHITECTURES, describe, rank_of
from hat_sim.learning.export import export
from hat_sim.learning.models import Classifier, build, load_weights
from hat_sim.learning.source_model import narrowed, widened
from hat_sim.learning.training import logits_of
from hat_sim.sensors import taken

SHAPES = {1: (6,), 2: (32, 3), 3: (1, 8, 8)}

ELSEWHERE = """
import sys
sys.modules["hat_sim"] = None
import warnings
warnings.simplefilter("ignore")
import torch
for number in range({count}):
    program = torch.jit.load(f"{{number}}.pt").eval()
    x, expected = torch.load(f"{{number}}.x", weights_only=True)
    with torch.no_grad():
        torch.testing.assert_close(program(x), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(program(x[:1]), expected[:1], rtol=1e-5, atol=1e-5)
assert not any(name.startswith(("hat_sim.", "nodes")) for name in sys.modules)
print("all the same")
"""


def model_and_samples(architecture: str) -> tuple[Classifier, np.ndarray]:
    shape = SHAPES[rank_of(architecture)]
    x = np.random.default_rng(0).normal(size=(700, *shape)).astype(np.float32)
    model = build(describe(architecture, shape, 4), seed=0)
    model.encoder.standardise.fit(torch.from_numpy(x))
    return model.eval(), x


def test_every_program_gives_the_models_logits_in_a_process_without_hat_sim(tmp_path: Path) -> None:
    """For any number of samples, though it was traced with two."""
    for number, architecture in enumerate(ARCHITECTURES):
        model, x = model_and_samples(architecture)
        (tmp_path / f"{number}.pt").write_bytes(export(model, x).program)
        torch.save((torch.from_numpy(x[:65]), logits_of(model, x[:65])), tmp_path / f"{number}.x")
    code = ELSEWHERE.format(count=len(ARCHITECTURES))
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "all the same\n", done.stderr


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_weights_fill_another_model_of_the_architecture(architecture: str) -> None:
    model, x = model_and_samples(architecture)
    weights = load(export(model, x).weights)
    other = build(model.description, seed=1)
    assert set(weights) == set(other.state_dict())
    load_weights(other, [weights[name].numpy() for name in other.state_dict()])
    assert torch.equal(logits_of(other, x), logits_of(model, x))


def test_an_export_is_the_same_bytes_twice() -> None:
    """Whatever this process has exported in between, and wherever it was called."""
    model, x = model_and_samples("cnn-small")
    first = export(model, x)
    for architecture in ARCHITECTURES:
        export(*model_and_samples(architecture))
    assert export(model, x) == first


def test_a_program_that_gives_other_predictions_is_a_bug_of_ours() -> None:
    """A model whose work depends on the number of samples cannot be traced."""

    class Odd(Classifier):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + len(x)

    model, x = model_and_samples("mlp")
    model.__class__ = Odd
    with pytest.raises(InternalError, match="does not give the model's predictions"):
        export(model, x)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_model_that_reads_some_channels_gives_what_it_gives_for_them_alone(architecture: str) -> None:
    """As it is, narrowed, widened, copied and exported."""
    model, x = model_and_samples(architecture)
    rank, places = rank_of(architecture), (1, 3)
    x = np.concatenate([x, x + 1, x + 2, x + 3], axis=1 if rank != 2 else 2)
    wide = x.shape[1 if rank != 2 else 2]
    own = tuple(range(wide - model.description.channels, wide))
    narrow = taken(x, own)
    expected = logits_of(model, narrow)
    reading = copy.deepcopy(model).reading(own)
    assert reading.reads == own and model.reads is None and model.reading(None) is model
    torch.testing.assert_close(logits_of(reading, x), expected, rtol=0, atol=0)
    torch.testing.assert_close(logits_of(narrowed(reading, places), x), expected[:, list(places)])
    torch.testing.assert_close(logits_of(widened(reading, (4, 2, 0, 1), 5), x)[:, [4, 2, 0, 1]], expected)
    exported = export(reading, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        program = torch.jit.load(io.BytesIO(exported.program))
    torch.testing.assert_close(program(torch.from_numpy(x)), expected, rtol=1e-5, atol=1e-5)
    sent = [tensor.shape for tensor in load(exported.weights).values()]
    assert sorted(sent) == sorted(tensor.shape for tensor in model.state_dict().values())
