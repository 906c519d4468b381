"""A host: many source devices in one process, and the training of their models before t = 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_source
from hat_sim.learning.models import load_weights, weights_of
from hat_sim.learning.source_model import empty_model, narrowed
from hat_sim.learning.training import accuracy_of, train_classifier
from hat_sim.protocol.messages import Precision
from hat_sim.protocol.steps import Answer
from hat_sim.seeding import derive_seed
from nodes.assignments import Lesson, Trained
from nodes.source import Knowledge, Source


def train(lesson: Lesson, domain: Domain) -> Trained:
    """Train a source's model on its domain's training part, and measure it on the validation part.

    A pure function. Where a domain is too small for a validation part, the accuracy is 0: a source that
    cannot know how good it is claims nothing.
    """
    split = split_source(domain, lesson.seed)
    seed = derive_seed(lesson.seed, "source model", lesson.domain, lesson.description.name)
    model = train_classifier(
        lesson.description, domain.x[split.train], domain.y[split.train], lesson.recipe, seed
    )
    held_out = split.validation
    accuracy = accuracy_of(model, domain.x[held_out], domain.y[held_out]) if len(held_out) else 0.0
    return Trained(tuple(weights_of(model)), accuracy)


class Host:
    """Source devices by name; `load` gives a domain and `trained` the outcome of a lesson, when needed."""

    def __init__(
        self,
        lessons: Mapping[str, Lesson],
        load: Callable[[str], Domain],
        trained: Callable[[Lesson], Trained],
    ) -> None:
        self._lessons = lessons
        self._load = load
        self._trained = trained
        self._knowledge: dict[Lesson, Knowledge] = {}

    def answer(self, requests: Sequence[tuple[str, bytes]]) -> list[Answer]:
        """The answers to requests, each a device's name and a frame, in their order.

        An answer is a pure function of lesson and frame, so devices of one lesson share it in a batch.
        """
        found: dict[tuple[Lesson, bytes], Answer] = {}
        answers = []
        for device, frame in requests:
            asked = (self._lessons[device], frame)
            if asked not in found:
                found[asked] = Source(self._know(asked[0])).answer(frame)
            answers.append(found[asked])
        return answers

    def model_bytes(self, devices: Sequence[str], precision: Precision) -> int:
        """What sending the whole model of each device would cost, frame by frame."""
        size = {
            lesson: Source(self._know(lesson)).model_bytes(precision)
            for lesson in {self._lessons[device]: None for device in devices}
        }
        return sum(size[self._lessons[device]] for device in devices)

    def _know(self, lesson: Lesson) -> Knowledge:
        if lesson not in self._knowledge:
            domain = self._load(lesson.domain)
            part = split_source(domain, lesson.seed).train
            trained = self._trained(lesson)
            model = empty_model(lesson.description)
            load_weights(model, trained.weights)
            known = np.unique(domain.y[part]).tolist()
            self._knowledge[lesson] = Knowledge(
                domain.x[part],
                domain.y[part],
                lesson.classes,
                narrowed(model.eval(), known),
                trained.accuracy,
            )
        return self._knowledge[lesson]
