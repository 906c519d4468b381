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
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.data.generated.images import make_images
from hat_sim.data.generated.latent import Place
from hat_sim.data.generated.series import make_series
from hat_sim.data.generated.spec import GeneratedSpec
from hat_sim.data.generated.vectors import make_vectors
from hat_sim.errors import InternalError
from hat_sim.seeding import generator
from hat_sim.sensors import Sensors

VERSION = 1
_MAKERS = {1: make_vectors, 2: make_series, 3: make_images}


@dataclass(frozen=True)
class GeneratedDataset:
    """The domains `domain-1`, `domain-2`, ... of a spec; `sensors` say whose their channels are."""

    spec: GeneratedSpec
    sensors: Sensors = ()

    @property
    def name(self) -> str:
        return "generated"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.spec.shape

    @property
    def classes(self) -> tuple[str, ...]:
        return self.spec.class_names

    @property
    def domains(self) -> tuple[str, ...]:
        return self.spec.domain_names

    @cached_property
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
