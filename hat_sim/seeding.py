"""Random streams keyed by what they are for, so that no stream depends on the order of calls."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


MOST_DERIVED = 2**63
"""What every derived seed is below."""


def derive_seed(seed: int, purpose: str, *names: str) -> int:
    """A 63-bit seed for one purpose and, where given, one domain, device or architecture.

    >>> derive_seed(0, "split", "user-1") == derive_seed(0, "split", "user-1")
    True
    """
    key = "\x1f".join((str(seed), purpose, *names)).encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "little") >> 1


def generator(seed: int, purpose: str, *names: str) -> np.random.Generator:
    """A numpy generator on the stream of `derive_seed`."""
    import numpy as np  # here, since light commands deal fleets and draw nothing

    return np.random.default_rng(derive_seed(seed, purpose, *names))
