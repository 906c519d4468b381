"""An expanded target: a device that joined in an earlier round, and is a source from the next one on."""

from __future__ import annotations

import numpy as np

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_target
from hat_sim.learning.export import imported
from hat_sim.learning.source_model import narrowed
from hat_sim.learning.training import accuracy_of
from hat_sim.sensors import names_of
from nodes.assignments import Expanded
from nodes.source import Knowledge


def knowledge_of(record: Expanded, domain: Domain) -> Knowledge:
    """What the target knows: all samples that it had, the few labels, and its student; no test sample.

    Of these samples it tells what its student reads, the channels that `domain` has.

    It has no labels to spare for validation. Of the accuracy on those that it was trained on, which is near
    1 whatever the student is worth, it claims what Laplace's rule of succession leaves: (right + 1) /
    (labels + 2).
    """
    split = split_target(domain, record.labels_per_class, record.seed, record.labels)
    x, y = domain.x[split.labelled], domain.y[split.labelled]
    model = imported(record.weights, record.description)
    right = round(accuracy_of(model, x, y) * len(y))
    return Knowledge(
        np.concatenate([x, domain.x[split.unlabelled]]),
        y,
        record.classes,
        narrowed(model, np.unique(y).tolist()),
        (right + 1) / (len(y) + 2),
        names_of(record.sensors),
    )
