"""A small domain and a source that knows it."""

from __future__ import annotations

import numpy as np
import pytest

from hat_sim.data.domain import Domain
from hat_sim.data.generated.spec import GeneratedSpec
from hat_sim.data.open import open_generated
from hat_sim.learning.architectures import describe
from hat_sim.learning.recipes import SourceRecipe
from nodes.assignments import Lesson

CLASSES = ("walk", "run", "rest", "fall")


def domain_of(name: str) -> Domain:
    """Four classes, of which nobody falls in the domain called `careful`."""
    dataset = open_generated(GeneratedSpec(domains=2, classes=4, shape=(16, 2), samples=80, shift=0.5))
    whole = dataset.load("domain-1")
    keep = whole.y != 3 if name == "careful" else np.ones(len(whole.y), bool)
    return Domain(name, whole.x[keep], whole.y[keep], whole.block[keep])


def lesson_of(name: str, architecture: str = "cnn-small") -> Lesson:
    return Lesson("digest", name, describe(architecture, (16, 2), 4), CLASSES, SourceRecipe(4, 16), 0)


@pytest.fixture(scope="session")
def load() -> object:
    return domain_of


@pytest.fixture(scope="session")
def lesson() -> object:
    return lesson_of
