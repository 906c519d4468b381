"""Whole runs in which something goes wrong, beside the same run without: what was lost, what was sent again,
what it cost, and that nothing else has changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hat_sim.cli.main import main
from hat_sim.preflight import load_checked, prepare
from hat_sim.protocol.ledger import CORRUPT, CUT, DELIVERED, INCOMPLETE, LOST, LedgerRow
from hat_sim.simulation.record import RunRecord, TargetResult, WorldRecord
from hat_sim.simulation.toll import sentences, toll_of

TARGET = "target-domain-2"
PATIENT = "protocol={deadline: 2 s, retries: 2, backoff: 1 s, chunk: 2 KiB}"


@pytest.fixture(scope="module")
def ran(
    alone_run: Callable[[Any], RunRecord], tmp_path_factory: pytest.TempPathFactory, tiny: str
) -> Callable[..., RunRecord]:
    """The tiny scenario with some faults; each combination is run once."""
    file = tmp_path_factory.mktemp("faults") / "tiny.yaml"
    file.write_text(tiny)
    known: dict[tuple[str, ...], RunRecord] = {}

    def run(*sets: str) -> RunRecord:
        if sets not in known:
            known[sets] = alone_run(prepare(load_checked(file, sets)))
        return known[sets]

    return run


def world_of(record: RunRecord) -> WorldRecord:
    (world,) = record.worlds
    return world


def target_of(record: RunRecord) -> TargetResult:
    return record.targets[TARGET]


def toll(record: RunRecord) -> dict[str, Any]:
    target = target_of(record)
    return toll_of(record.worlds, {TARGET: target.replaced}, {TARGET: len(target.selected)}, 0)


def rows_of(record: RunRecord, device: str) -> list[LedgerRow]:
    return [row for row in world_of(record).ledger if device in (row.sender, row.receiver)]


def elsewhere(record: RunRecord, device: str) -> Counter[tuple[Any, ...]]:
    """What all other devices sent and received."""
    return Counter(
        (row.phase, row.kind, row.sender, row.receiver, row.payload_bytes, row.attempt, row.outcome)
        for row in world_of(record).ledger
        if device not in (row.sender, row.receiver)
    )


@pytest.fixture(scope="module")
def usual(ran: Callable[..., RunRecord]) -> RunRecord:
    return ran(PATIENT)


@pytest.fixture(scope="module")
def first(usual: RunRecord) -> str:
    """The source that HaT likes best."""
    scores = target_of(usual).scores
    chosen: str = max(target_of(usual).selected, key=lambda name: scores[name])
    return chosen


def test_a_patient_target_without_faults_learns_what_an_impatient_one_does(ran, usual) -> None:
    """It pays for the chunks' own frames, and for nothing else."""
    plain = ran()
    assert target_of(usual) == target_of(plain)
    assert {row.outcome for row in world_of(usual).ledger} == {DELIVERED}
    assert {row.attempt for row in world_of(usual).ledger} == {1}
    models = [
        [row.payload_bytes for row in world_of(it).ledger if row.kind == "model"] for it in (plain, usual)
    ]
    assert len(models[1]) > len(models[0]) == 2
    assert sum(models[0]) < sum(models[1]) < 1.02 * sum(models[0])
    assert toll(usual)["wasted"]["frames"] == 0 and toll(usual)["never_answered"] == {}


def test_a_source_that_is_down_for_a_while_is_asked_again(ran, usual) -> None:
    record = ran(PATIENT, "faults=[{kind: down, devices: domain-4, at: 0 s, duration: 4 s}]")
    assert [(it.kind, it.attempt, it.outcome) for it in rows_of(record, "domain-4")][:4] == [
        ("join", 1, LOST),
        ("join", 2, LOST),
        ("join", 3, DELIVERED),
        ("welcome", 3, DELIVERED),
    ]
    assert elsewhere(record, "domain-4") == elsewhere(usual, "domain-4")
    assert target_of(record) == target_of(usual)
    told = toll(record)
    assert told["asked_again"] == 2 and told["replaced"] == [] and told["never_answered"] == {}
    assert told["wasted"]["by_outcome"] == {LOST: {"payload_bytes": 86, "wire_bytes": 148, "frames": 2}}
    waited = world_of(record).targets[TARGET].end_ns - world_of(usual).targets[TARGET].end_ns
    assert waited == pytest.approx(7e9, rel=1e-3), "two deadlines of 2 s, pauses of 1 and 2 s"


def test_a_source_that_is_gone_never_answers_and_the_others_make_do(ran, usual) -> None:
    record = ran(PATIENT, "faults=[{kind: crash, devices: domain-4, at: 0 s}]")
    assert {row.outcome for row in rows_of(record, "domain-4")} == {LOST}
    assert toll(record)["never_answered"] == {TARGET: ["domain-4"]}
    assert "domain-4" not in target_of(record).scores
    assert f"{TARGET} was never answered by domain-4." in sentences(toll(record))


def test_a_source_that_dies_in_mid_transfer_is_replaced_by_the_next_in_rank(ran, usual, first) -> None:
    record = ran(PATIENT, f"faults=[{{kind: crash, devices: {first}, after_share: 0.5}}]")
    (fate,) = toll(record)["replaced"]
    left = {name: it for name, it in target_of(usual).scores.items() if name not in target_of(usual).selected}
    assert fate == {"target": TARGET, "source": first, "by": max(left, key=lambda name: left[name])}
    assert set(target_of(record).selected) == {*target_of(usual).selected, fate["by"]} - {first}
    models = [row for row in rows_of(record, first) if row.kind == "model"]
    whole = [row for row in rows_of(usual, first) if row.kind == "model"]
    sent = sum(row.wire_bytes for row in models)
    assert 0.4 * sum(row.wire_bytes for row in whole) < sent < 0.6 * sum(row.wire_bytes for row in whole)
    assert [row.outcome for row in models] == [INCOMPLETE] * (len(models) - 1) + [CUT]
    assert set(toll(record)["wasted"]["by_outcome"]) == {INCOMPLETE, CUT, LOST}


def test_a_transfer_that_breaks_goes_on_where_it_broke(ran, usual, first) -> None:
    """However it is cut, no more than one chunk is sent a second time, and the model is the same."""
    sent_at = min(row.sent_ns for row in rows_of(usual, first) if row.kind == "model")
    ended = max(row.arrived_ns for row in rows_of(usual, first) if row.kind == "model")
    for part in (0.3, 0.5, 0.7):
        at = round(sent_at + part * (ended - sent_at))
        record = ran(PATIENT, f"faults=[{{kind: down, devices: {first}, at: {at} ns, duration: 1 s}}]")
        assert target_of(record) == target_of(usual)
        assert elsewhere(record, first) == elsewhere(usual, first)
        models = [row for row in rows_of(record, first) if row.kind == "model"]
        assert Counter(row.outcome for row in models) == {
            DELIVERED: sum(row.kind == "model" for row in rows_of(usual, first)),
            CUT: 1,
        }
        assert {row.attempt for row in models} == {1, 2}


def test_whole_models_are_sent_again_from_their_beginning(ran, usual, first) -> None:
    """What chunks are good for: a chunk as large as the model resumes nothing."""
    whole = PATIENT.replace("2 KiB", "16 MiB")
    sent_at = min(row.sent_ns for row in rows_of(usual, first) if row.kind == "model")
    fault = f"faults=[{{kind: down, devices: {first}, at: {sent_at + 2_000_000} ns, duration: 1 s}}]"
    record = ran(whole, fault)
    outcomes = [row.outcome for row in rows_of(record, first) if row.kind == "model"]
    assert outcomes == [CUT, DELIVERED]


@pytest.mark.parametrize("kind", ["model", "welcome", "summary", "centroids"])
def test_a_frame_with_a_flipped_bit_is_refused_and_sent_again(ran, usual, kind: str) -> None:
    record = ran(PATIENT, f"faults=[{{kind: corrupt, frame: {kind}, nth: 2}}]")
    (bad,) = [row for row in world_of(record).ledger if row.outcome == CORRUPT]
    assert bad.kind == kind and bad.attempt == 1
    again = [row for row in world_of(record).ledger if row.attempt == 2]
    assert [(row.receiver, row.outcome) for row in again] == [(bad.sender, DELIVERED), (TARGET, DELIVERED)]
    assert again[1].payload_bytes == bad.payload_bytes
    assert target_of(record) == target_of(usual)
    assert toll(record)["wasted"]["by_outcome"] == {
        CORRUPT: {"payload_bytes": bad.payload_bytes, "wire_bytes": bad.wire_bytes, "frames": 1}
    }


def test_a_request_with_a_flipped_bit_is_refused_by_the_source(ran, usual) -> None:
    record = ran(PATIENT, "faults=[{kind: corrupt, frame: summary_request}]")
    (bad,) = [row for row in world_of(record).ledger if row.outcome == CORRUPT]
    assert (bad.sender, bad.kind) == (TARGET, "summary_request")
    errors = [row for row in world_of(record).ledger if row.kind == "error"]
    assert [(row.sender, row.outcome) for row in errors] == [(bad.receiver, DELIVERED)]
    assert target_of(record) == target_of(usual)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_damaged_model_is_refused_by_name_and_not_asked_for_again(ran, precision: str) -> None:
    weights = f"transfer.weights={precision}"
    usual = ran(PATIENT, weights)
    scores = target_of(usual).scores
    name = max(target_of(usual).selected, key=lambda it: scores[it])
    record = ran(PATIENT, weights, f"faults=[{{kind: damaged, devices: {name}}}]")
    models = [row for row in rows_of(record, name) if row.kind == "model"]
    assert {row.outcome for row in models} == {"refused:non_finite"} and {row.attempt for row in models} == {
        1
    }
    assert sum(row.payload_bytes for row in models) == sum(
        row.payload_bytes for row in rows_of(usual, name) if row.kind == "model"
    )
    (fate,) = toll(record)["replaced"]
    assert fate["source"] == name and fate["by"] in target_of(record).selected
    assert toll(record)["asked_again"] == 0


def test_a_straggler_costs_time_and_energy_and_no_bytes(ran, usual) -> None:
    record = ran(PATIENT, f"faults=[{{kind: straggler, devices: {TARGET}, at: 0 s, factor: 5}}]")
    assert target_of(record) == target_of(usual)
    assert elsewhere(record, "") == elsewhere(usual, "")
    slow, fast = (world_of(it).compute_j[TARGET] for it in (record, usual))
    assert slow == pytest.approx(5 * fast)
    assert world_of(record).targets[TARGET].phase_ns["train"] == pytest.approx(
        5 * world_of(usual).targets[TARGET].phase_ns["train"], rel=1e-6
    )


@pytest.mark.parametrize(
    "fault",
    [
        "{kind: slow, share: 1, at: 0 s, factor: 8}",
        "{kind: cut, share: 1, at: 1 ms, duration: 900 ms}",
    ],
)
def test_worse_links_take_time_and_the_same_payload(ran, usual, fault: str) -> None:
    record = ran(PATIENT, f"faults=[{fault}]")
    assert target_of(record) == target_of(usual)
    assert elsewhere(record, "") == elsewhere(usual, "")
    assert world_of(record).targets[TARGET].end_ns > world_of(usual).targets[TARGET].end_ns


def test_lost_packets_cost_bytes_and_joules(ran, usual) -> None:
    record = ran(PATIENT, "faults=[{kind: loss, share: 1, at: 0 s, rate: 10 %}]")
    assert target_of(record) == target_of(usual)
    assert elsewhere(record, "") == elsewhere(usual, "")
    wire, joules = zip(
        *(
            (sum(row.wire_bytes for row in world_of(it).ledger), sum(world_of(it).radio_j.values()))
            for it in (record, usual)
        ),
        strict=True,
    )
    assert wire[0] > 1.03 * wire[1] and joules[0] > 1.03 * joules[1]


def test_a_partition_is_over_when_it_is(ran, usual) -> None:
    """During fine selection two sources cannot be reached; they answer when they can."""
    asked = min(row.sent_ns for row in world_of(usual).ledger if row.phase == "fine")
    names = sorted(target_of(usual).shortlisted)[:2]
    fault = f"{{kind: partition, devices: [{', '.join(names)}], at: {asked} ns, duration: 1500 ms}}"
    record = ran(PATIENT, f"faults=[{fault}]")
    assert target_of(record) == target_of(usual)
    lost = [row for row in world_of(record).ledger if row.outcome != DELIVERED]
    assert {row.phase for row in lost} == {"fine"} and {row.receiver for row in lost} == set(names)
    assert toll(record)["asked_again"] == 2


def test_a_target_whose_sources_are_all_gone_says_so_and_learns_alone(ran) -> None:
    record = ran(PATIENT, "faults=[{kind: crash, share: 1, at: 0 s}]")
    told = toll(record)
    assert told["alone"] == [TARGET] and len(told["never_answered"][TARGET]) == 4
    assert target_of(record).accuracy == record.hindsight[TARGET].alone
    assert "0 of 4 asked in phase coarse answered, protocol.least is 1" in target_of(record).notes
    assert f"{TARGET} ended without any source and learned alone." in sentences(told)


def test_a_target_that_too_few_answer_learns_alone(ran) -> None:
    patient = PATIENT.replace("retries: 2", "retries: 0, least: 3")
    record = ran(patient, "faults=[{kind: crash, count: 2, at: 0 s}]")
    assert toll(record)["alone"] == [TARGET] and target_of(record).selected == ()
    assert "2 of 4 asked in phase coarse answered, protocol.least is 3" in target_of(record).notes


def test_a_quorum_does_not_wait_for_the_slowest(ran, usual) -> None:
    patient = PATIENT.replace("retries: 2", "quorum: 0.75")
    record = ran(patient, "faults=[{kind: crash, count: 1, at: 0 s}]")
    assert toll(record)["asked_again"] == 0
    assert world_of(record).targets[TARGET].end_ns < 2 * 10**9, "no deadline has passed"


def test_phones_that_come_and_go_cost_waiting(ran, usual) -> None:
    record = ran(PATIENT, "availability={period: 3 s, on_share: 0.5}")
    again = ran(PATIENT, "availability={period: 3 s, on_share: 0.5}", "name=again")
    assert world_of(record) == world_of(again), "the phases are of the seed"
    assert toll(record)["injected"][0]["kind"] == "unavailable"
    assert world_of(record).targets[TARGET].end_ns > world_of(usual).targets[TARGET].end_ns


@pytest.mark.parametrize("method", ["hat-plus", "random", "aver", "fedmd"])
def test_every_method_survives_a_source_that_dies(ran, method: str) -> None:
    dies = "faults=[{kind: crash, after_share: 0.5}, {kind: crash, frame: predictions, after_share: 0.5}]"
    record = ran(PATIENT, f"method={{name: {method}}}", dies)
    (dead,) = [it.devices[0] for it in world_of(record).incidents]
    assert dead not in target_of(record).selected and target_of(record).selected


@pytest.mark.usefixtures("without_ray")
def test_sums_of_the_ledger_are_those_of_the_result(tmp_path: Path, tiny: str) -> None:
    """With every kind of fault at once; the report and the closing output say what happened."""
    file, out = tmp_path / "tiny.yaml", tmp_path / "out"
    file.write_text(tiny)
    faults = (
        "faults=[{kind: crash, after_share: 0.3}, {kind: corrupt, frame: welcome}, "
        "{kind: loss, share: 1, at: 0 s, rate: 5 %}, {kind: down, count: 1, at: 0 s, duration: 1 s}]"
    )
    assert main(["run", str(file), "--out", str(out), "--set", PATIENT, "--set", faults]) == 0
    result = json.loads((out / "result.json").read_text())
    ledger = pq.read_table(out / "ledger.parquet").to_pylist()
    assert result["traffic"]["frames"] == len(ledger)
    for key in ("payload_bytes", "wire_bytes"):
        assert result["traffic"][key] == sum(row[key] for row in ledger)
        wasted = [row[key] for row in ledger if row["outcome"] != DELIVERED]
        assert result["faults"]["wasted"][key] == sum(wasted) > 0
    assert max(row["attempt"] for row in ledger) > 1
    page = (out / "report.html").read_text()
    assert all(f"Faults: {it}" in page for it in sentences(result["faults"])[:1])
    events = json.loads((out / "timeline.json").read_text())["traceEvents"]
    assert {"crash", "corrupt", "loss", "down"} <= {it["name"] for it in events if it["ph"] == "i"}
