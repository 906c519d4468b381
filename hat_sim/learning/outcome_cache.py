"""Outcomes of computations on disk, named by all that led to them.

They are pickles, since a method may compute what it likes. They are the user's own, below the cache folder,
and never cross a link.
"""

from __future__ import annotations

import hashlib
import pickle
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hat_sim.data.cache import cache_root, publish_file, scratch_beside

_UNREADABLE = (OSError, pickle.UnpicklingError, EOFError, AttributeError, ImportError, ValueError, IndexError)


class OutcomeCache:
    """The outcomes below the cache folder; a file that cannot be read counts as none."""

    def recall(self, key: str) -> Any:
        """The outcome recorded under `key`, None if there is none."""
        try:
            return pickle.loads(_path(key).read_bytes())
        except (
            OSError,
            pickle.UnpicklingError,
            EOFError,
            AttributeError,
            ImportError,
            ValueError,
            IndexError,
        ):
            return None

    def record(self, key: str, outcome: Any) -> None:
        """Keep an outcome; it appears whole, or not at all."""
        path = _path(key)
        with scratch_beside(path) as scratch:
            (scratch / "outcome").write_bytes(pickle.dumps(outcome))
            publish_file(scratch / "outcome", path)


def origin_of(method_module: str, *parts: object) -> str:
    """The origin of a protocol's history: `parts`, the code that runs, versions, and the CPU's capability."""
    own = _digest_of(Path(import_module(method_module).__file__ or ""))
    versions = (torch.__version__, np.__version__, torch.backends.cpu.get_cpu_capability())
    return repr((parts, own, _code_digest(), versions))


def _path(key: str) -> Path:
    return cache_root() / "outcomes" / key[:2] / f"{key}.pickle"


@cache
def _code_digest() -> str:
    """The digest of every file of this package, and of the nodes that stand beside it."""
    package = Path(__file__).parents[1]
    files = [*package.rglob("*.py"), *package.parent.joinpath("nodes").glob("*.py")]
    return hashlib.sha256("".join(_digest_of(file) for file in sorted(files)).encode()).hexdigest()


def _digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
