"""An expanded target as a source: what it knows, what it claims, and that its test samples stay out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_target
from hat_sim.learning.architectures import describe
from hat_sim.learning.centroids import class_centroids
from hat_sim.learning.export import export, imported
from hat_sim.learning.models import Classifier, build
from hat_sim.learning.reference import reference_features, standardise_features
from hat_sim.learning.source_model import architecture_of, empty_model, fill
from hat_sim.learning.statistics import domain_statistics
from hat_sim.learning.training import accuracy_of
from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.messages import (
    CentroidRequest,
    Centroids,
    DomainSummary,
    EncoderRequest,
    EncoderTransfer,
    Join,
    Message,
    ModelRequest,
    ModelTransfer,
    PosteriorRequest,
    SummaryRequest,
)
from nodes.assignments import Expanded
from nodes.expanded import knowledge_of
from nodes.host import Host
from nodes.source import Source

CLASSES = ("walk", "run", "rest", "fall")
STUDENT = describe("gru", (16, 2), 4)
LABELS = 2
REQUESTS: tuple[Message, ...] = (
    Join(input_shape=(16, 2), classes=CLASSES),
    SummaryRequest(),
    CentroidRequest(seed=5, width=16, classes=CLASSES),
    EncoderRequest(precision="fp16", classes=CLASSES),
    PosteriorRequest(classes=CLASSES),
    ModelRequest(part="model", precision="fp32"),
)


def student(seed: int = 1) -> Classifier:
    return build(STUDENT, seed).eval()


def record_of(model: Classifier, x: np.ndarray) -> Expanded:
    return Expanded("digest", "home", STUDENT, CLASSES, LABELS, 0, export(model, x).weights)


@pytest.fixture(scope="module")
def home(load: Callable[[str], Domain]) -> Domain:
    return load("home")


@pytest.fixture(scope="module")
def record(home: Domain) -> Expanded:
    return record_of(student(), home.x)


@pytest.fixture(scope="module")
def ask(record: Expanded, home: Domain) -> Callable[[Message], Message]:
    """Asks the device, which is carried by a host like any other source."""

    def no_training(lesson: object) -> None:
        pytest.fail("nothing is trained for it")

    host = Host(lambda it: home, no_training)  # type: ignore[arg-type]
    return lambda message: decode(host.answer([(record, encode(message))])[0].parcel.content)


def test_the_weights_come_back_as_they_were_exported(home: Domain) -> None:
    model = student()
    back = imported(export(model, home.x).weights, STUDENT)
    assert all(
        torch.equal(one, other)
        for one, other in zip(model.state_dict().values(), back.state_dict().values(), strict=True)
    )
    assert not back.training


def test_its_summary_is_of_all_that_it_had_but_the_test(ask, home: Domain) -> None:
    split = split_target(home, LABELS, 0)
    mine = np.concatenate([home.x[split.labelled], home.x[split.unlabelled]])
    summary = ask(SummaryRequest())
    assert isinstance(summary, DomainSummary)
    assert np.array_equal(summary.statistics, domain_statistics(mine))


def test_its_centroids_are_of_the_labels_that_it_had(ask, home: Domain) -> None:
    """Standardised over all its samples, as a target does when it compares itself; in both spaces."""
    split = split_target(home, LABELS, 0)
    mine = np.concatenate([home.x[split.labelled], home.x[split.unlabelled]])
    labels = home.y[split.labelled]
    assert len(labels) == LABELS * len(CLASSES)

    def expected(features: np.ndarray) -> np.ndarray:
        of_labelled = standardise_features(features)[: len(labels)]
        return class_centroids(of_labelled, labels, (0, 1, 2, 3)).astype(np.float16)

    reply = ask(REQUESTS[2])
    assert isinstance(reply, Centroids)
    assert np.array_equal(reply.centroids, expected(reference_features(mine, 16, 5)))
    transfer = ask(REQUESTS[3])
    assert isinstance(transfer, EncoderTransfer)
    with torch.no_grad():
        features = student().encoder(torch.from_numpy(mine)).numpy()
    assert np.array_equal(transfer.centroids, expected(features))


def test_its_model_is_the_student(ask, home: Domain) -> None:
    reply = ask(ModelRequest(part="model", precision="fp32"))
    assert isinstance(reply, ModelTransfer)
    assert (reply.architecture, reply.classes) == ("gru", CLASSES)
    received = empty_model(STUDENT)
    fill(received, reply.weights)
    x = torch.from_numpy(home.x)
    with torch.no_grad():
        assert torch.equal(received(x), student()(x))


def test_a_claim_of_few_labels_is_a_modest_one(record: Expanded, home: Domain) -> None:
    """Even a student that has them all right claims no more than 9 of 10."""
    split = split_target(home, LABELS, 0)
    x, y = home.x[split.labelled], home.y[split.labelled]
    claimed = knowledge_of(record, home).accuracy
    assert claimed == pytest.approx((accuracy_of(student(), x, y) * 8 + 1) / 10)
    assert 0.1 <= claimed <= 0.9


@pytest.mark.parametrize("seed", range(5))
def test_no_answer_depends_on_a_test_sample(record: Expanded, home: Domain, seed: int) -> None:
    rng = np.random.default_rng(seed)
    test = split_target(home, LABELS, 0).test
    x = home.x.copy()
    x[test] = rng.normal(size=x[test].shape) * 100
    spoilt = replace(home, x=x)
    for request in REQUESTS:
        frame = encode(request)
        before = Source(knowledge_of(record, home)).answer(frame)
        assert before.refused is None
        assert Source(knowledge_of(record, spoilt)).answer(frame) == before


def test_another_student_is_another_device(record: Expanded, home: Domain) -> None:
    """A host that knows one of them answers for the other with the other's model."""
    other = record_of(student(seed=2), home.x)
    assert other != record
    assert record_of(student(), home.x) == record
    host = Host(lambda it: home, lambda it: pytest.fail("nothing is trained"))  # type: ignore[arg-type,return-value]
    frame = encode(ModelRequest(part="model", precision="fp32"))
    one, two, again = (host.answer([(it, frame)])[0] for it in (record, other, record))
    assert one == again != two


def test_a_classifier_of_the_catalogue_is_told_from_any_other_model() -> None:
    class Ensemble(Classifier):
        pass

    assert architecture_of(student()) == "gru"
    assert architecture_of(Ensemble(STUDENT)) is None
    assert architecture_of(torch.nn.Linear(2, 2)) is None
    renamed = student()
    renamed.description = replace(STUDENT, name="own")
    assert architecture_of(renamed) is None
    disguised = student()
    disguised.description = replace(STUDENT, name="cnn-small")
    assert architecture_of(disguised) is None
