"""A host: the source devices of one process, and the training of their models before t = 0."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_source
from hat_sim.learning.claims import claimed
from hat_sim.learning.models import load_weights, weights_of
from hat_sim.learning.source_model import empty_model, narrowed
from hat_sim.learning.training import accuracy_of, train_classifier
from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.messages import Centroids, EncoderTransfer, Message, ModelTransfer, Precision
from hat_sim.protocol.steps import Answer, Parcel
from hat_sim.seeding import derive_seed
from hat_sim.sensors import names_of
from nodes.assignments import AnsweringRecord, Claiming, Damaged, DeviceRecord, Lesson, Trained
from nodes.expanded import knowledge_of
from nodes.source import Knowledge, Source

MOST_KNOWN = 500
"""So many sources are kept ready; one that was not asked for longest is built again when it is."""
MOST_ANSWER_BYTES = 64 * 1024 * 1024
"""So many bytes of answers are kept, for a run or sweep asks the same of a source again and again."""


def train(lesson: Lesson, domain: Domain) -> Trained:
    """Train a source's model on its domain's training part, and measure it on the validation part.

    A pure function. Of the domain's channels it sees those of the lesson's sensors. Where a domain is too
    small for a validation part, the accuracy is 0: a source that cannot know how good it is claims nothing.
    """
    domain = domain.seen_by(lesson.sensors)
    split = split_source(domain, lesson.seed, lesson.labels)
    seed = derive_seed(lesson.seed, "source model", lesson.domain, lesson.description.name)
    model = train_classifier(
        lesson.description, domain.x[split.train], domain.y[split.train], lesson.recipe, seed
    )
    held_out = split.validation
    accuracy = accuracy_of(model, domain.x[held_out], domain.y[held_out]) if len(held_out) else 0.0
    return Trained(tuple(weights_of(model)), accuracy)


class Host:
    """Sources by their records; `load` gives a record's domain and `trained` a lesson's outcome, when needed.

    Devices of one record are one source here: an answer is a pure function of record and frame.
    """

    def __init__(self, load: Callable[[DeviceRecord], Domain], trained: Callable[[Lesson], Trained]) -> None:
        self._load = load
        self._trained = trained
        self._known: OrderedDict[DeviceRecord, Knowledge] = OrderedDict()
        self._answers: OrderedDict[tuple[AnsweringRecord, bytes], Answer] = OrderedDict()
        self._answer_bytes = 0

    def answer(self, requests: Sequence[tuple[AnsweringRecord, bytes]]) -> list[Answer]:
        """The answers to requests, each a source's record and a frame, in their order."""
        read = cache(decode)
        return [
            self._in_own_name(record, frame, read)
            if isinstance(record, Claiming)
            else self._answer(record, frame)
            for record, frame in requests
        ]

    def model_bytes(self, record: DeviceRecord, precision: Precision) -> int:
        """What sending the whole model would cost."""
        return Source(self.knowledge(record)).model_bytes(precision)

    def knowledge(self, record: DeviceRecord) -> Knowledge:
        """What a source of this record knows."""
        if isinstance(record, Claiming):
            shared = self.knowledge(record.lesson)
            return replace(shared, accuracy=claimed(shared.accuracy, *record.claim))
        if record in self._known:
            self._known.move_to_end(record)
            return self._known[record]
        if len(self._known) >= MOST_KNOWN:
            self._known.popitem(last=False)
        domain = self._load(record).seen_by(record.sensors)
        if isinstance(record, Lesson):
            self._known[record] = self._taught(record, domain)
        else:
            self._known[record] = knowledge_of(record, domain)
        return self._known[record]

    def _taught(self, lesson: Lesson, domain: Domain) -> Knowledge:
        part = split_source(domain, lesson.seed, lesson.labels).train
        trained = self._trained(lesson)
        model = empty_model(lesson.description)
        load_weights(model, trained.weights)
        outputs = np.unique(domain.y[part]).tolist()
        return Knowledge(
            domain.x[part],
            domain.y[part],
            lesson.classes,
            narrowed(model.eval(), outputs),
            trained.accuracy,
            names_of(lesson.sensors),
        )

    def _in_own_name(self, record: Claiming, frame: bytes, read: Callable[[bytes], Message]) -> Answer:
        """What devices of the lesson answer, encoded anew with the accuracy that this one claims."""
        shared = self._answer(record.lesson, frame)
        message = read(shared.parcel.content)
        if not isinstance(message, Centroids | EncoderTransfer | ModelTransfer):
            return shared
        accuracy = claimed(message.accuracy, *record.claim)
        own = encode(message.model_copy(update={"accuracy": accuracy}))
        return Answer(Parcel(message.kind, len(own), own), shared.flop)

    def _answer(self, record: AnsweringRecord, frame: bytes) -> Answer:
        asked = (record, frame)
        if asked in self._answers:
            self._answers.move_to_end(asked)
            return self._answers[asked]
        answer = self._answers[asked] = self._source(record).answer(frame)
        self._answer_bytes += len(frame) + _size(answer)
        while self._answer_bytes > MOST_ANSWER_BYTES:
            (_, frame), oldest = self._answers.popitem(last=False)
            self._answer_bytes -= len(frame) + _size(oldest)
        return answer

    def _source(self, record: AnsweringRecord) -> Source:
        if isinstance(record, Damaged):
            return Source(self.knowledge(record.record), damaged=True)
        return Source(self.knowledge(record))


def _size(answer: Answer) -> int:
    return sum(it.length for it in answer.parcel.frames)
