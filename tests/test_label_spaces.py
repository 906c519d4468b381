"""Label spaces: which classes the sources of a scenario know, what is refused, and what a run makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.data.splits import split_source
from hat_sim.errors import Problem, UserError
from hat_sim.preflight import Plan, load_checked, prepare
from hat_sim.preflight.label_spaces import drawn
from hat_sim.scenario.resolved import resolved_scenario
from nodes.casting import lessons_of
from nodes.host import Host, train

SCENARIO = """\
name: labels
data: {generated: {domains: 5, classes: 5, shape: [16, 2], samples: 75, shift: 0.5}}
method: {name: hat, eta: 1.0, top: 2}
target: {domain: domain-2, device: pi4, link: wifi}
sources: {devices: pi4, links: wifi, architectures: cnn-small}
training: {source_epochs: 1, epochs: 1, steps_per_epoch: 1}
"""
LISTED = "sources=[{domain: domain-1, device: pi4, link: wifi, classes: %s}]"
TWO_LISTED = LISTED[:-1] + ", {domain: domain-3, device: pi4, link: wifi}]"
CLASSES = tuple(f"class-{number}" for number in range(1, 6))

Planned = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    def planned(*overrides: str) -> Plan:
        file = tmp_path / "labels.yaml"
        file.write_text(SCENARIO)
        return prepare(load_checked(file, overrides))

    return planned


def classes(plan: Plan) -> dict[str, tuple[str, ...] | None]:
    return {device.domain: device.classes for fleet in plan.fleets for device in fleet.sources}


def problems_of(planned: Planned, *overrides: str) -> list[Problem]:
    with pytest.raises(UserError) as caught:
        planned(*overrides)
    return list(caught.value.problems)


@given(
    share=st.floats(0.01, 1),
    seed=st.integers(0, 99),
    total=st.integers(1, 12),
    domain=st.sampled_from(["user-1", "user-2"]),
)
def test_a_share_is_a_rounded_number_of_classes_in_their_order_and_one_at_least(
    share: float, seed: int, total: int, domain: str
) -> None:
    names = [f"class-{number}" for number in range(total)]
    found = drawn(names, share, seed, domain)
    assert len(found) == max(1, round(share * total))
    assert list(found) == [name for name in names if name in found]
    assert set(found) <= set(drawn(names, 1.0, seed, domain)) == set(names)
    assert set(drawn(names, share / 2, seed, domain)) <= set(found)


def test_the_classes_of_a_domain_depend_on_its_name_and_the_seed_alone(planned: Planned) -> None:
    """Not on the target, on how many sources there are, or on what else they are dealt."""
    share = "sources.class_share=0.4"
    found = classes(planned(share))
    assert all(them is not None and len(them) == 2 for them in found.values())
    assert len(set(found.values())) > 1
    assert classes(planned(share, "sources.count=9", "sources.architectures=auto")) == found
    shared = classes(planned(share, "target.domain=domain-1"))
    assert {name: shared[name] for name in found if name != "domain-1"} == {
        name: them for name, them in found.items() if name != "domain-1"
    }
    assert classes(planned(share, "seed=1")) != found


def test_all_classes_are_no_cut_however_they_are_written(planned: Planned) -> None:
    """And what is not written stands in no resolved scenario, so that its hash stays."""
    for override in ("name=labels", "sources.class_share=1.0", LISTED % f"[{', '.join(CLASSES)}]"):
        plan = planned(override, f"target.classes=[{', '.join(CLASSES)}]")
        assert set(classes(plan).values()) == {None} and plan.fleets[0].target.classes is None
        assert all(lesson.labels is None for lesson in lessons_of(plan).values())
    plain = resolved_scenario(planned().scenario)
    assert "class_share" not in plain["sources"] and "classes" not in plain["target"]


def test_a_lesson_names_the_classes_of_a_listed_source_by_index(planned: Planned) -> None:
    [lesson] = lessons_of(planned(LISTED % "[class-4, class-2]")).values()
    assert lesson.labels == (3, 1)
    [alone] = lessons_of(planned(LISTED % "class-5")).values()
    assert alone.labels == (4,)


def test_a_source_sees_samples_of_its_classes_alone(planned: Planned) -> None:
    """In its training, its validation, its summary and its centroids: other samples may be anything."""
    plan = planned("sources.class_share=0.4")
    lesson = next(iter(lessons_of(plan).values()))
    domain = plan.dataset.load(lesson.domain)
    foreign = ~np.isin(domain.y, lesson.labels)
    spoilt = type(domain)(domain.name, domain.x.copy(), domain.y, domain.block)
    spoilt.x[foreign] = 1e6
    whole, cut = train(lesson, domain), train(lesson, spoilt)
    assert all(np.array_equal(*them) for them in zip(whole.weights, cut.weights, strict=True))
    assert whole.accuracy == cut.accuracy
    knowledge = Host(lambda _: spoilt, lambda _: cut).knowledge(lesson)
    part = split_source(domain, lesson.seed, lesson.labels).train
    assert np.array_equal(knowledge.x, domain.x[part])
    assert knowledge.known == lesson.labels
    assert knowledge.model.description.head.outputs == 2


@pytest.mark.parametrize(
    ("override", "path", "what", "hint"),
    [
        ("sources.class_share=0.0", "sources.class_share", "0", ""),
        ("sources.class_share=1.1", "sources.class_share", "1", ""),
        (TWO_LISTED % "[]", "sources.0.classes", "", "1"),
        (
            TWO_LISTED % "[class-1, class-1]",
            "sources.0.classes",
            "class-1 stands there more than once",
            "once",
        ),
        (LISTED % "clas-1", "sources.0.classes", 'unknown class "clas-1"', 'did you mean "class-1"?'),
        (LISTED % "[class-1, sit]", "sources.0.classes.1", 'unknown class "sit"', "known: class-1, class-2"),
        ("target.classes=[class-1, class-9]", "target.classes.1", 'unknown class "class-9"', "did you mean"),
    ],
)
def test_classes_that_make_no_sense_are_refused(
    override: str, path: str, what: str, hint: str, planned: Planned
) -> None:
    [problem] = problems_of(planned, override)
    assert problem.path == path
    assert what in problem.what and hint in (problem.hint or "")


def test_a_class_that_a_domain_has_no_sample_of_is_refused_and_a_share_never_draws_it(
    tmp_path: Path, planned: Planned
) -> None:
    """`room-0` has no sample of label 2; half of its two classes is one of these two."""
    for number in range(3):
        labels = np.arange(30) % (2 if number == 0 else 3)
        np.savez(tmp_path / f"room-{number}.npz", x=np.random.default_rng(number).random((30, 4)), y=labels)
    (tmp_path / "classes.json").write_text('["sit", "walk", "run"]')
    data = (f"data={{folder: {tmp_path}}}", "target.domain=room-1", "sources.architectures=auto")
    for seed in range(4):
        [own] = (
            classes(planned(*data, "sources.class_share=0.5", "sources.domains=room-0", f"seed={seed}"))[
                "room-0"
            ]
            or ()
        )
        assert own in ("sit", "walk")
    source = "{domain: room-0, device: pi4, link: wifi, classes: [walk, run]}"
    [problem] = problems_of(planned, *data[:2], f"sources=[{source}]")
    assert (problem.path, problem.what, problem.hint) == (
        "sources.0.classes.1",
        'domain room-0 has no sample of class "run"',
        "it has sit, walk",
    )


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Runs a method where sources know two classes of five, in this process."""
    file = tmp_path_factory.mktemp("narrow") / "narrow.yaml"
    file.write_text(SCENARIO)

    def narrow(run: Callable[..., Any], method: str, *overrides: str) -> Any:
        plan = prepare(load_checked(file, [f"method={{name: {method}}}", *overrides]))
        return run(plan)

    return narrow


def test_hindsight_counts_the_classes_that_a_source_lacks_as_wrong(
    narrow: Callable[..., Any], alone_run: Callable[[Plan], Any]
) -> None:
    """Of five classes that occur alike, one that knows two is right at most on two fifths and rounding."""
    record = narrow(alone_run, "target-only", "sources.class_share=0.4")
    [hindsight] = record.hindsight.values()
    assert all(0 <= it.on_target <= 0.45 for it in hindsight.sources.values())


@pytest.mark.parametrize("method", ["hat", "aver"])
def test_a_target_may_meet_fewer_classes_than_its_sources_know(
    method: str, narrow: Callable[..., Any], alone_run: Callable[[Plan], Any]
) -> None:
    """Its labels, pool and test are of these alone, so the two that it lacks are no hindrance."""
    record = narrow(
        alone_run, method, "target.classes=[class-2, class-4, class-5]", "sources.class_share=0.6"
    )
    assert all(row.outcome == "delivered" for world in record.worlds for row in world.ledger)
    assert all(it.selected for it in record.targets.values())


def test_an_expanded_target_knows_the_classes_that_it_met(
    narrow: Callable[..., Any], alone_run: Callable[[Plan], Any]
) -> None:
    cut = ("target.classes=[class-1, class-3]", "rounds={domains: [domain-1, domain-2]}")
    record = narrow(alone_run, "aver", "target={device: pi4, link: wifi, architecture: cnn-small}", *cut)
    welcomes = [row for row in record.worlds[1].ledger if row.kind == "model"]
    assert "target-domain-1" in {row.sender for row in welcomes}
    sizes = {row.sender: row.payload_bytes for row in welcomes}
    assert sizes["target-domain-1"] < sizes["domain-3"]
