"""What a report says of how a run went: each sign is found where it is, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hat_sim.report.run.diagnosis import diagnosis
from hat_sim.report.run.record import TargetRecord, read_run

Targets = Callable[..., list[TargetRecord]]
NOTHING = ("Nothing in the record of this run looks wrong.",)


@pytest.fixture
def target(run_folder: Callable[..., Path]) -> TargetRecord:
    """A made-up target whose run went well."""
    [found] = read_run(run_folder()).targets
    return found


def with_result(target: TargetRecord, **changes: Any) -> TargetRecord:
    return replace(target, result={**target.result, **changes})


def with_sources(target: TargetRecord, **changes: dict[str, Any]) -> TargetRecord:
    """Changes to sources by their numbers, `s3` the fourth."""
    sources = [replace(it, **changes.get(f"s{number}", {})) for number, it in enumerate(target.sources)]
    return replace(target, sources=sources)


def with_curve(target: TargetRecord, **columns: list[Any]) -> TargetRecord:
    rows = [
        {**row, **{key: values[min(epoch, len(values) - 1)] for key, values in columns.items()}}
        for epoch, row in enumerate(target.curve)
    ]
    return replace(target, curve=rows)


def said(target: TargetRecord) -> list[str]:
    return [sentence.replace("\u00a0", " ") for sentence in diagnosis([target])]


def test_a_run_that_went_well_is_not_accused(target: TargetRecord) -> None:
    assert diagnosis([target]) == NOTHING


def test_a_loss_is_told(target: TargetRecord) -> None:
    [sentence] = said(with_result(target, accuracy=0.7, accuracy_target_only=0.75))
    assert sentence.startswith(
        "The sources did harm: training on its own labels alone gives 5.0 points more."
    )


def test_a_method_without_sources_does_no_harm_by_them(target: TargetRecord) -> None:
    alone = with_result(target, accuracy=0.7, accuracy_target_only=0.75, selected=[])
    assert diagnosis([alone]) == NOTHING
    hardly = with_result(target, accuracy=0.74, accuracy_target_only=0.75)
    assert diagnosis([hardly]) == NOTHING, "chance does as much"


def test_an_alpha_of_nothing_is_told_with_the_threshold(target: TargetRecord) -> None:
    [sentence] = said(with_curve(target, alpha=[0.0], mixer_accuracy=[0.4]))
    assert (
        "Nothing was injected: the mixer's accuracy of at most 40.0 % never passed the threshold b"
        in sentence
    )


def test_a_mixer_that_falls_is_told(target: TargetRecord) -> None:
    [sentence] = said(with_curve(target, mixer_accuracy=[0.5, 0.9, 0.6]))
    assert sentence.startswith("The mixer is unstable: its accuracy fell from 90.0 % to 60.0 %.")


def test_a_filter_that_keeps_everybody_is_told(target: TargetRecord) -> None:
    names = [it.name for it in target.sources]
    [sentence] = said(with_result(target, shortlisted=names))
    assert sentence.startswith("Coarse selection filters nothing: it kept 11 of 11 sources")
    few = replace(target, sources=target.sources[:4])
    assert diagnosis([with_result(few, shortlisted=names[:4])]) == NOTHING


def test_the_best_source_left_out_is_told_as_hindsight(target: TargetRecord) -> None:
    strong = with_sources(target, s8={"on_target": 1.0}, s0={"on_target": 0.85}, s1={"on_target": 0.8})
    strong = with_sources(strong, s2={"on_target": 0.8})
    [sentence] = said(strong)
    assert sentence.startswith(
        "Coarse selection left out the best: in hindsight source-0008 has 100.0 % here"
    )
    assert "the best of the chosen, source-0000, 85.0 %" in sentence
    assert diagnosis([with_sources(strong, s8={"on_target": 0.94})]) == NOTHING, (
        "nearly as good is good enough"
    )


def test_a_method_without_coarse_selection_is_not_blamed_for_it(target: TargetRecord) -> None:
    peer = replace(target, frames=[it for it in target.frames if it.kind != "summary"])
    assert diagnosis([with_result(peer, shortlisted=[it.name for it in target.sources])]) == NOTHING
    assert diagnosis([with_sources(peer, s8={"on_target": 1.0})]) == NOTHING


def test_claims_that_do_not_hold_are_told_as_hindsight(target: TargetRecord) -> None:
    [sentence] = said(with_sources(target, s1={"claimed": 1.0, "on_target": 0.6}))
    assert sentence == (
        "Claims do not hold: in hindsight, as they come, source-0001 claims 100.0 % and has 60.0 % here."
    )
    assert diagnosis([with_sources(target, s7={"claimed": 1.0, "on_target": 0.6})]) == NOTHING, "not chosen"


def test_of_several_targets_it_is_told_at_how_many(target: TargetRecord) -> None:
    worse = with_result(target, domain="attic", accuracy=0.7, accuracy_target_only=0.75)
    [sentence] = diagnosis([target, worse, with_result(worse, domain="cellar")])
    assert sentence.startswith(
        "The sources did harm at 2 of 3 targets (attic and cellar). At attic: training"
    )
