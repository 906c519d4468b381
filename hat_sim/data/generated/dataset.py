"""Generated domains with a dialled shift, made on demand: a domain is a pure function of (spec, name).

All domains share one set of classes. What sets a domain apart is a point in a latent space, and the domains
gather around a few such points, the *kinds* of users: domains of one kind resemble each other, domains of
two kinds do not, so that choosing sources has something to find. `shift` scales all distances in that
space; at 0 all domains have one distribution.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.data.generated.images import make_images
from hat_sim.data.generated.latent import Place
from hat_sim.data.generated.series import make_series
from hat_sim.data.generated.vectors import make_vectors
from hat_sim.errors import InternalError, Problem, UserError
from hat_sim.seeding import generator

VERSION = 1
_MAKERS = {1: make_vectors, 2: make_series, 3: make_images}
_SMALLEST = {1: (2,), 2: (16, 1), 3: (1, 8, 8)}


@dataclass(frozen=True)
class GeneratedSpec:
    """`samples` a domain, classes as equal as that allows; `kinds` of users; UserError if it makes no sense.

    `shift` 0 is none, 1 a strong one. `seed` belongs to this world and not to a run, so that runs of
    several seeds share their domains.
    """

    domains: int
    classes: int
    shape: tuple[int, ...]
    samples: int
    shift: float
    kinds: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        smallest = _SMALLEST.get(len(self.shape), ())
        wrong = {
            "domains": (self.domains < 1, "1 or more"),
            "classes": (self.classes < 2, "2 or more"),
            "shape": (
                not smallest or any(size < least for size, least in zip(self.shape, smallest, strict=True)),
                "at least (2,) features, (16, 1) time and channels, or (1, 8, 8) channels and pixels",
            ),
            "samples": (self.samples < 5 * self.classes, "5 or more a class"),
            "shift": (not 0 <= self.shift < float("inf"), "0 or more"),
            "kinds": (self.kinds < 1, "1 or more"),
        }
        problems = [
            Problem(f"{getattr(self, field)!r} cannot be generated", f"data.generated.{field}", hint)
            for field, (is_wrong, hint) in wrong.items()
            if is_wrong
        ]
        if problems:
            raise UserError(problems)


@dataclass(frozen=True)
class GeneratedDataset:
    """The domains `domain-1`, `domain-2`, ... of a spec."""

    spec: GeneratedSpec

    @property
    def name(self) -> str:
        return "generated"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.spec.shape

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(f"class-{number}" for number in range(1, self.spec.classes + 1))

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(f"domain-{number}" for number in range(1, self.spec.domains + 1))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the description and the version of the generator, which fix the content."""
        return hashlib.sha256(json.dumps([VERSION, asdict(self.spec)]).encode()).hexdigest()

    def kind(self, domain: str) -> int:
        """Which kind of user a domain is, from 0; what a perfect choice of sources would know."""
        return int(generator(self.spec.seed, "generated-kind-of", domain).integers(self.spec.kinds))

    def load(self, domain: str) -> Domain:
        """One domain; KeyError if there is no such domain. Each sample is a block of its own."""
        if domain not in self.domains:
            raise KeyError(domain)
        spec = self.spec
        rng = generator(spec.seed, "generated-samples", domain)
        y = rng.permutation(np.arange(spec.samples, dtype=np.int64) % spec.classes)
        place = Place(spec.seed, spec.shift, self.kind(domain), domain)
        x: NDArray[np.float32] = _MAKERS[len(spec.shape)](spec.shape, spec.classes, y, place, rng)
        if x.shape != (spec.samples, *spec.shape):
            raise InternalError(f"generated samples have shape {x.shape}")
        return Domain(domain, x, y, np.arange(spec.samples, dtype=np.int64))
