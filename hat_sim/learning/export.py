"""A model for use elsewhere: its weights as safetensors, and a TorchScript program without our code."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor, nn

from hat_sim.errors import InternalError
from hat_sim.learning.architectures import Description
from hat_sim.learning.models import Classifier, build
from hat_sim.sensors import Places

_NUMBERED = re.compile(rb"___torch_mangle_(\d+)")
_NOTES = (".debug_pkl", ".data/serialization_id")
"""Members of a program that only say which lines of Python traced it."""


@dataclass(frozen=True)
class Exported:
    """`weights` is a safetensors file, `program` one for `torch.jit.load`: (batch, *shape) to logits."""

    weights: bytes
    program: bytes


def export(model: nn.Module, samples: NDArray[np.float32]) -> Exported:
    """Both forms of a model; InternalError unless the program gives the model's own logits on `samples`.

    A pure function of its arguments, whatever this process has exported before.
    """
    model = model.eval()
    origin = json.dumps({"architecture": _architecture(model), "shape": samples.shape[1:]} | _reads(model))
    tensors = {name: it.contiguous() for name, it in model.state_dict().items()}
    weights = save(tensors, {"hat_sim": origin})  # one entry: safetensors shuffles several
    inputs = torch.from_numpy(np.array(samples))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and 20 times faster to make
        program = _program(model, inputs[:2])
        loaded = torch.jit.load(io.BytesIO(program))  # type: ignore[no-untyped-call]
        if not torch.allclose(loaded(inputs), model(inputs), rtol=1e-5, atol=1e-5, equal_nan=True):
            raise InternalError("the exported program does not give the model's predictions")
    return Exported(weights, program)


def imported(weights: bytes, description: Description) -> Classifier:
    """The model of this architecture whose exported weights these are."""
    model = build(description, seed=0)
    model.load_state_dict(load(weights))
    return model.eval()


def _architecture(model: nn.Module) -> str:
    """The name in the catalogue or, of what is not one classifier, that of its class."""
    return model.description.name if isinstance(model, Classifier) else type(model).__name__


def _reads(model: nn.Module) -> dict[str, Places]:
    """Which channels of its input a classifier takes, where there are others."""
    places = model.reads if isinstance(model, Classifier) else None
    return {} if places is None else {"reads": places}


def _program(model: nn.Module, example: Tensor) -> bytes:
    """The traced model as an archive that tells nothing of the process that made it.

    torch tells apart classes of one name by numbers, which it goes on counting from one program to the next.
    """
    torch._C._jit_clear_class_registry()
    torch.jit._state._clear_class_state()
    traced, program = io.BytesIO(), io.BytesIO()
    torch.jit.save(torch.jit.trace(model, example, check_trace=False), traced)  # type: ignore[no-untyped-call]
    with zipfile.ZipFile(traced) as archive, zipfile.ZipFile(program, "w") as kept:
        members = {name: archive.read(name) for name in archive.namelist() if not name.endswith(_NOTES)}
        numbers = sorted({int(it) for name in members for it in _NUMBERED.findall(name.encode())})
        places = {number: b"___torch_mangle_%d" % place for place, number in enumerate(numbers)}

        def recounted(text: bytes) -> bytes:
            return _NUMBERED.sub(lambda match: places[int(match[1])], text)

        for name, content in members.items():
            is_text = name.endswith((".py", ".pkl"))
            member = zipfile.ZipInfo(recounted(name.encode()).decode())
            kept.writestr(member, recounted(content) if is_text else content)
    return program.getvalue()
