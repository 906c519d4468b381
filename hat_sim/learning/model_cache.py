"""Trained source models on disk, named by all that they are a function of.

A model's key covers the digest of its data, its architecture, recipe and seed, the code that trains, the
versions of torch and numpy and the CPU's capability, since each of these can change a bit of it. Files
appear whole: two writers, or a kill in mid-write, leave no half of one.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hat_sim import seeding
from hat_sim.data import splits
from hat_sim.data.cache import cache_root, publish_file, scratch_beside
from hat_sim.learning import architectures, models, training
from hat_sim.learning.architectures import Description
from hat_sim.learning.recipes import SourceRecipe

_CODE: tuple[ModuleType, ...] = (seeding, splits, architectures, models, training)


def key_of(data_digest: str, domain: str, description: Description, recipe: SourceRecipe, seed: int) -> str:
    """The SHA-256 (hex) that names a source model."""
    content = {
        "data": data_digest,
        "domain": domain,
        "architecture": [description.name, description.shape, description.head.outputs],
        "recipe": asdict(recipe),
        "seed": seed,
        "code": _code_digest(),
        "versions": [torch.__version__, np.__version__, torch.backends.cpu.get_cpu_capability()],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read(key: str) -> tuple[tuple[NDArray[np.float32], ...], float] | None:
    """Weights and validation accuracy, None where the cache has none or a damaged one."""
    try:
        with safe_open(_path(key), framework="numpy") as file:
            names = sorted(file.keys())
            accuracy = float(file.metadata()["accuracy"])
            return tuple(file.get_tensor(name) for name in names), accuracy
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


def write(key: str, weights: tuple[NDArray[np.float32], ...], accuracy: float) -> None:
    """Keep a model."""
    path = _path(key)
    with scratch_beside(path) as scratch:
        tensors = {f"{position:04d}": np.ascontiguousarray(it) for position, it in enumerate(weights)}
        save_file(tensors, scratch / "model", {"accuracy": repr(accuracy)})
        publish_file(scratch / "model", path)


def _path(key: str) -> Path:
    return cache_root() / "models" / key[:2] / f"{key}.safetensors"


@cache
def _code_digest() -> str:
    return hashlib.sha256("".join(map(inspect.getsource, _CODE)).encode()).hexdigest()
