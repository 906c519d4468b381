"""Trained source models on disk, named by all that they are a function of.

A model's key covers the digest of its data, the classes and channels it saw, its architecture, recipe and
seed, the code that trains, the versions of torch and numpy and the CPU's capability, since each of these can
change a bit of it. Files appear whole: two writers, or a kill in mid-write, leave no half of one.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from hat_sim import seeding, sensors
from hat_sim.data import domain as domains
from hat_sim.data import splits
from hat_sim.data.cache import cache_root, publish_file, scratch_beside
from hat_sim.learning import adam, architectures, models, rotation, training
from hat_sim.learning.architectures import Description
from hat_sim.learning.recipes import SourceRecipe

_CODE: tuple[ModuleType, ...] = (
    seeding,
    sensors,
    domains,
    splits,
    adam,
    architectures,
    models,
    rotation,
    training,
)


def key_of(
    data_digest: str,
    domain: str,
    description: Description,
    recipe: SourceRecipe,
    seed: int,
    labels: Sequence[int] | None = None,
    channels: Sequence[int] | None = None,
) -> str:
    """The SHA-256 (hex) that names a source model.

    `labels` are the classes and `channels` those of the data that it saw, None for all.
    """
    content = {
        "data": data_digest,
        "domain": domain,
        "architecture": [description.name, description.shape, description.head.outputs],
        "recipe": asdict(recipe),
        "seed": seed,
        "labels": labels,
        "channels": channels,
        "code": _code_digest(),
        "versions": [torch.__version__, np.__version__, torch.backends.cpu.get_cpu_capability()],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read(key: str) -> tuple[tuple[NDArray[np.float32], ...], float] | None:
    """Weights and validation accuracy, None if the cache has none; a damaged file counts as none."""
    try:
        with safe_open(_path(key), framework="numpy") as file:
            weights = tuple(file.get_tensor(name) for name in sorted(file.keys()))
            metadata = file.metadata()
            accuracy = float(metadata["accuracy"])
            is_whole = metadata["sha256"] == _content_digest(weights, accuracy)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    return (weights, accuracy) if is_whole else None


def write(key: str, weights: tuple[NDArray[np.float32], ...], accuracy: float) -> None:
    """Keep a model."""
    path = _path(key)
    with scratch_beside(path) as scratch:
        tensors = {f"{position:04d}": np.ascontiguousarray(it) for position, it in enumerate(weights)}
        metadata = {"accuracy": repr(accuracy), "sha256": _content_digest(weights, accuracy)}
        save_file(tensors, scratch / "model", metadata)
        publish_file(scratch / "model", path)


def _path(key: str) -> Path:
    return cache_root() / "models" / key[:2] / f"{key}.safetensors"


def _content_digest(weights: Sequence[NDArray[np.float32]], accuracy: float) -> str:
    content = hashlib.sha256(repr([accuracy, *((it.dtype.str, it.shape) for it in weights)]).encode())
    for it in weights:
        content.update(it.tobytes())
    return content.hexdigest()


@cache
def _code_digest() -> str:
    return hashlib.sha256("".join(map(inspect.getsource, _CODE)).encode()).hexdigest()
