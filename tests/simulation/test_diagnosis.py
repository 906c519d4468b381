"""What the record of a run says of how it went: each sign is found where it is, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hat_sim.simulation.diagnosis import Evidence, evidence_of, findings, sentences

NOTHING = ("Nothing in the record of this run looks wrong.",)
NAMES = tuple(f"s{number}" for number in range(11))


@pytest.fixture
def target() -> Evidence:
    """A target of eleven sources whose run went well."""
    result = {
        "device": "target",
        "domain": "kitchen",
        "accuracy": 0.9,
        "accuracy_target_only": 0.7,
        "shortlisted": list(NAMES[:6]),
        "selected": list(NAMES[:3]),
        "accuracy_fused": 0.88,
        "accuracy_fused_equally": 0.85,
    }
    sources = [
        {
            "target": "target",
            "name": name,
            "shortlisted": number < 6,
            "selected": number < 3,
            "score": 1.0 - number / 20 if number < 6 else None,
            "claimed_accuracy": 0.95,
            "accuracy_on_target": 0.8,
        }
        for number, name in enumerate(NAMES)
    ]
    curve = [
        {"mixer_accuracy": 0.8 + 0.05 * epoch, "alpha": 0.5, "stored": True, "pool_accuracy": 0.85}
        for epoch in range(3)
    ]
    return Evidence(result, sources, curve, frozenset({"summary", "model"}), frozenset())


def with_result(target: Evidence, **changes: Any) -> Evidence:
    return replace(target, result={**target.result, **changes})


def with_sources(target: Evidence, **changes: dict[str, Any]) -> Evidence:
    """Changes to sources by their names."""
    return replace(target, sources=[{**row, **changes.get(row["name"], {})} for row in target.sources])


def with_curve(target: Evidence, **columns: list[Any]) -> Evidence:
    rows = [
        {**row, **{key: values[min(epoch, len(values) - 1)] for key, values in columns.items()}}
        for epoch, row in enumerate(target.curve)
    ]
    return replace(target, curve=rows)


def said(*targets: Evidence) -> list[str]:
    found = sentences(findings(targets), len(targets))
    return [sentence.replace("\u00a0", " ") for sentence in found]


def test_a_run_that_went_well_is_not_accused(target: Evidence) -> None:
    assert sentences(findings([target]), 1) == NOTHING


def test_a_loss_is_told(target: Evidence) -> None:
    [sentence] = said(with_result(target, accuracy=0.7, accuracy_target_only=0.75))
    assert sentence.startswith(
        "The sources did harm: training on its own labels alone gives 5.0 points more."
    )
    assert said(with_result(target, accuracy=0.74, accuracy_target_only=0.75)) == list(NOTHING), "chance"
    alone = with_result(target, accuracy=0.7, accuracy_target_only=0.75, selected=[], accuracy_fused=None)
    assert said(alone) == list(NOTHING), "without sources nobody does harm"


def test_an_alpha_of_nothing_is_told_with_the_threshold(target: Evidence) -> None:
    [sentence] = said(with_curve(target, alpha=[0.0], mixer_accuracy=[0.4]))
    assert "Nothing was injected: the mixer's accuracy of at most 40.0 % never passed" in sentence


def test_a_dictionary_worse_than_the_labels_is_told_where_it_was_injected(target: Evidence) -> None:
    [finding] = findings([with_curve(target, pool_accuracy=[0.9, 0.9, 0.5])])
    assert (finding.signature, finding.setting) == ("noise-stored", "method.threshold")
    assert finding.figures == {"dictionary_accuracy": 0.5, "accuracy_target_only": 0.7, "alpha": 0.5}
    assert findings([with_curve(target, pool_accuracy=[0.5], alpha=[0.1])]) == []
    assert findings([with_curve(target, pool_accuracy=[0.9, 0.9, 0.5], stored=[True, True, False])]) == []


def test_a_mixer_that_falls_is_told(target: Evidence) -> None:
    [sentence] = said(with_curve(target, mixer_accuracy=[0.5, 0.9, 0.6]))
    assert sentence.startswith("The mixer is unstable: its accuracy fell from 90.0 % to 60.0 %.")


def test_attention_is_told_where_equal_weights_do_better(target: Evidence) -> None:
    [sentence] = said(with_result(target, accuracy_fused=0.8))
    assert sentence.startswith("Attention is no better than equal weights: in hindsight its fusion is right")
    assert said(with_result(target, accuracy_fused=0.84)) == list(NOTHING), "as good, and much is won"
    hardly = with_result(target, accuracy=0.71, accuracy_fused=0.84)
    assert [it.signature for it in findings([hardly])] == ["attention-idle"], "as good, and nothing is won"
    one = with_result(hardly, selected=[NAMES[0]])
    assert findings([one]) == [], "of one source there is nothing to weigh"


def test_a_filter_that_keeps_everybody_is_told(target: Evidence) -> None:
    [sentence] = said(with_result(target, shortlisted=list(NAMES)))
    assert sentence.startswith("Coarse selection filters nothing: it kept 11 of 11 sources")
    few = replace(target, sources=target.sources[:4])
    assert said(with_result(few, shortlisted=list(NAMES[:4]))) == list(NOTHING)


def test_the_best_source_left_out_is_told_as_hindsight(target: Evidence) -> None:
    strong = with_sources(target, s8={"accuracy_on_target": 1.0}, s0={"accuracy_on_target": 0.85})
    [sentence] = said(strong)
    assert sentence.startswith("Coarse selection left out the best: in hindsight s8 has 100.0 % here")
    assert "the best of the chosen, s0, 85.0 %" in sentence
    assert said(with_sources(strong, s8={"accuracy_on_target": 0.94})) == list(NOTHING), "nearly as good"
    assert said(replace(strong, failed=frozenset({"s8"}))) == list(NOTHING), "nobody could choose it"


def test_a_method_without_coarse_selection_is_not_blamed_for_it(target: Evidence) -> None:
    peer = replace(target, kinds=frozenset({"model"}))
    assert said(with_result(peer, shortlisted=list(NAMES))) == list(NOTHING)
    assert said(with_sources(peer, s8={"accuracy_on_target": 1.0})) == list(NOTHING)


def test_claims_that_do_not_hold_are_told_as_hindsight(target: Evidence) -> None:
    false = {"claimed_accuracy": 1.0, "accuracy_on_target": 0.6}
    [sentence] = said(with_sources(target, s1=false))
    assert sentence.startswith(
        "Claims do not hold: in hindsight, as they come, s1 claims 100.0 % and has 60.0 % here."
    )
    assert said(with_sources(target, s7=false)) == list(NOTHING), "it was not chosen"


def test_of_several_targets_it_is_told_at_how_many(target: Evidence) -> None:
    worse = with_result(target, domain="attic", accuracy=0.7, accuracy_target_only=0.75)
    [sentence] = said(target, worse, with_result(worse, domain="cellar"))
    assert sentence.startswith(
        "The sources did harm at 2 of 3 targets (attic and cellar). At attic: training"
    )


def test_evidence_is_sorted_by_target_and_knows_who_failed(target: Evidence) -> None:
    fleet = [{"target": name, "name": it} for name in ("one", "two") for it in (name, "s0")]
    frames = [
        ("one", "summary", "s0", "one", "delivered"),
        ("two", "model", "s0", "two", "refused:checksum"),
    ]
    one, two = evidence_of([{"device": "one"}, {"device": "two"}], fleet, [{"target": "two"}], frames)
    assert [row["name"] for row in one.sources] == ["s0"]
    assert (one.kinds, one.failed, len(one.curve)) == (frozenset({"summary"}), frozenset(), 0)
    assert (two.kinds, two.failed, len(two.curve)) == (frozenset({"model"}), frozenset({"s0", "two"}), 1)
