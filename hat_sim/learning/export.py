"""A model for use elsewhere: its weights as safetensors, and a TorchScript program without our code."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save

from hat_sim.errors import InternalError
from hat_sim.learning.models import Classifier


@dataclass(frozen=True)
class Exported:
    """`weights` is a safetensors file, `program` one for `torch.jit.load`: (batch, *shape) to logits."""

    weights: bytes
    program: bytes


def export(model: Classifier, samples: NDArray[np.float32]) -> Exported:
    """Both forms of a model; InternalError unless the program gives the model's own logits on `samples`."""
    model = model.eval()
    origin = json.dumps({"architecture": model.description.name, "shape": model.description.shape})
    tensors = {name: it.contiguous() for name, it in model.state_dict().items()}
    weights = save(tensors, {"hat_sim": origin})  # one entry: safetensors shuffles several
    inputs = torch.from_numpy(np.array(samples))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and 20 times faster to make
        program = torch.jit.trace(model, inputs[:2], check_trace=False)  # type: ignore[no-untyped-call]
        file = io.BytesIO()
        torch.jit.save(program, file)
        file.seek(0)
        loaded = torch.jit.load(file)  # type: ignore[no-untyped-call]
        if not torch.allclose(loaded(inputs), model(inputs), rtol=1e-5, atol=1e-5, equal_nan=True):
            raise InternalError("the exported program does not give the model's predictions")
    return Exported(weights, file.getvalue())
