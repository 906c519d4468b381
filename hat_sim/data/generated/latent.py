"""Where a generated domain stands among the others, and how that becomes the parameters of its warp."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hat_sim.seeding import generator

KIND_PART = 0.9
"""How much of the variance of a parameter is the kind's; the rest is the domain's own."""


@dataclass(frozen=True)
class Place:
    """A domain's point in the latent space, read one parameter at a time."""

    seed: int
    shift: float
    kind: int
    domain: str

    def shared(self, purpose: str) -> np.random.Generator:
        """A stream that is the same for every domain: the classes come from here."""
        return generator(self.seed, "generated-world", purpose)

    def parameter(self, purpose: str, *shape: int) -> NDArray[np.float64]:
        """Normal values of standard deviation `shift`, near those of other domains of the kind."""
        of_kind = generator(self.seed, "generated-kind", str(self.kind), purpose).standard_normal(shape)
        of_domain = generator(self.seed, "generated-domain", self.domain, purpose).standard_normal(shape)
        return self.shift * (math.sqrt(KIND_PART) * of_kind + math.sqrt(1 - KIND_PART) * of_domain)

    def rotation(self, purpose: str, size: int, strength: float) -> NDArray[np.float64]:
        """An orthogonal (size, size) matrix, the identity at shift 0: Cayley's map of a skew matrix."""
        raw = self.parameter(purpose, size, size) * strength / np.sqrt(size)
        skew = (raw - raw.T) / 2
        identity = np.eye(size)
        rotated: NDArray[np.float64] = np.linalg.solve(identity - skew, identity + skew)
        return rotated
