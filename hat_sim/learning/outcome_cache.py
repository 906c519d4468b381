"""Outcomes of computations in a folder, named by all that led to them.

They are pickles, since a method may compute what it likes. The folder is the user's own, and none of them
ever crosses a link.
"""

from __future__ import annotations

import fcntl
import inspect
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hat_sim.data.cache import publish_file, scratch_beside
from hat_sim.provenance import code_digest, digest_of

_UNREADABLE = (OSError, pickle.UnpicklingError, EOFError, AttributeError, ImportError, ValueError, IndexError)


class OutcomeCache:
    """The outcomes in a folder; a file that cannot be read counts as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, key: str) -> Any:
        """The outcome recorded under `key`, None if there is none."""
        try:
            return pickle.loads(self._path(key).read_bytes())
        except _UNREADABLE:
            return None

    def record(self, key: str, outcome: Any) -> None:
        """Keep an outcome; it appears whole, or not at all."""
        path = self._path(key)
        with scratch_beside(path) as scratch:
            (scratch / "outcome").write_bytes(pickle.dumps(outcome))
            publish_file(scratch / "outcome", path)

    @contextmanager
    def reserve(self, key: str) -> Iterator[None]:
        """Wait until no other process is at work on this outcome."""
        path = self._path(key).with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.pickle"


def origin_of(protocol: Callable[..., Any], *parts: object) -> str:
    """The origin of a protocol's history: `parts`, the code that runs, versions, and the CPU's capability."""
    own = digest_of(Path(inspect.getfile(protocol)))
    versions = (torch.__version__, np.__version__, torch.backends.cpu.get_cpu_capability())
    return repr((parts, own, code_digest(), versions))
