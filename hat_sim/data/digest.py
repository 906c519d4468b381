"""The SHA-256 of domains as values: the same data has the same digest, wherever and however it is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from hat_sim.data.domain import Domain


def domain_digest(domain: Domain) -> str:
    """SHA-256 (hex) of the shape and the arrays of one domain, not of its name."""
    digest = hashlib.sha256(json.dumps(domain.x.shape).encode())
    digest.update(domain.x.astype("<f4").tobytes())
    digest.update(domain.y.astype("<i8").tobytes())
    digest.update(domain.block.astype("<i8").tobytes())
    return digest.hexdigest()


def dataset_digest(classes: Sequence[str], domains: Mapping[str, str]) -> str:
    """SHA-256 (hex) of the class names in label order and of each domain's name and `domain_digest`."""
    content = json.dumps([list(classes), dict(domains)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
