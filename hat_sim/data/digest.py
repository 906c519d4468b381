"""The SHA-256 of domains as values: the same data has the same digest, wherever and however it is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from hat_sim.data.domain import Domain
from hat_sim.sensors import Sensors


def domain_digest(domain: Domain) -> str:
    """SHA-256 (hex) of the shape and the arrays of one domain, not of its name."""
    digest = hashlib.sha256(json.dumps(domain.x.shape).encode())
    digest.update(domain.x.astype("<f4").tobytes())
    digest.update(domain.y.astype("<i8").tobytes())
    digest.update(domain.block.astype("<i8").tobytes())
    return digest.hexdigest()


def dataset_digest(classes: Sequence[str], domains: Mapping[str, str], sensors: Sensors = ()) -> str:
    """SHA-256 (hex) of class names in label order, each domain's name and `domain_digest`, and sensors."""
    content: list[object] = [list(classes), dict(domains)]
    if sensors:
        content.append({sensor.name: sensor.channels for sensor in sensors})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
