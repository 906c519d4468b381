"""`result.json`: the contract's keys, and figures that are exactly the ledger's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.protocol.effects import PHASES, Phase
from hat_sim.protocol.ledger import DELIVERED, IN_FLIGHT, LedgerRow
from hat_sim.simulation import result as of_results
from hat_sim.simulation.record import Spent, TargetTimes, WorldRecord
from hat_sim.simulation.result import Identity, TargetOutcome, result_of, rounded_floats

IDENTITY = Identity("toy", "ab" * 32, 7, "hat")
TARGETS = ("target-one", "target-two")


def row(target: str, phase: Phase, kind: str, payload: int, wire: int, outcome: str = DELIVERED) -> LedgerRow:
    return LedgerRow(0, target, phase, kind, "x", "y", payload, wire, 0, 1, 1, outcome)


def outcome(target: str, accuracy: float = 0.5, alone: float = 0.25) -> TargetOutcome:
    return TargetOutcome(target, "one", accuracy, 0.4, alone, 0.3, ("a", "b"), ("b",), 1000, ("a note",))


def spent(compute: dict[str, float], radio: dict[str, float]) -> list[Spent]:
    """What devices spend on training, and on frames of the coarse phase."""
    return [
        *(Spent(name, "compute", "train", 0, 1, joules) for name, joules in compute.items()),
        *(Spent(name, "radio", "coarse", 1, 1, joules) for name, joules in radio.items()),
    ]


@pytest.fixture
def worlds() -> list[WorldRecord]:
    """Two worlds of a target each; the second is the slower one."""
    first = WorldRecord(
        [
            row("target-one", "coarse", "join", 10, 100),
            row("target-one", "transfer", "model", 300, 900),
            row("target-one", "coarse", "welcome", 5, 80, IN_FLIGHT),
        ],
        [],
        {"target-one": TargetTimes(2_000_000_000, {"coarse": 500_000_000, "train": 1_500_000_000})},
        spent({"target-one": 4.0, "a": 1.0}, {"target-one": 0.5, "a": 0.25}),
        ("target-one", "a"),
    )
    second = WorldRecord(
        [row("target-two", "fine", "join", 85, 120)],
        [],
        {"target-two": TargetTimes(3_000_000_000, {"fine": 3_000_000_000})},
        spent({"target-two": 2.0}, {"target-two": 0.125, "a": 0.125}),
        ("target-two", "a"),
    )
    return [first, second]


@pytest.fixture
def result(worlds: list[WorldRecord]) -> dict[str, Any]:
    return result_of(IDENTITY, [outcome("target-one"), outcome("target-two", 1.0, 0.5)], worlds)


def test_keys_are_in_the_order_of_the_contract(result: dict[str, Any]) -> None:
    assert " ".join(result) == (
        "schema scenario scenario_sha256 seed method targets accuracy accuracy_target_only traffic time "
        "energy_j faults notes"
    )
    assert " ".join(result["targets"][0]) == (
        "device domain accuracy macro_f1 accuracy_target_only shortlisted selected traffic simulated_s "
        "energy_j notes all_models_bytes saving payload_by_phase time_by_phase accuracy_best_source "
        "accuracy_fused accuracy_fused_equally"
    )
    assert list(result["targets"][0]["traffic"]) == ["payload_bytes", "wire_bytes", "frames"]
    assert " ".join(result["traffic"]) == (
        "payload_bytes wire_bytes frames by_phase by_kind all_models_bytes saving"
    )
    assert list(result["time"]) == ["simulated_s", "by_phase"]
    assert " ".join(result["energy_j"]) == "compute radio by_device idle by_phase idle_devices"


def test_a_result_by_hand(result: dict[str, Any]) -> None:
    """Bytes and energy add up over targets, accuracies are means, and time is the longest."""
    assert (result["schema"], result["seed"], result["method"]) == (1, 7, "hat")
    assert (result["accuracy"], result["accuracy_target_only"]) == (0.75, 0.375)
    assert result["traffic"] == {
        "payload_bytes": 400,
        "wire_bytes": 1200,
        "frames": 4,
        "by_phase": {"coarse": 15, "fine": 85, "transfer": 300, "train": 0},
        "by_kind": {"join": 95, "model": 300, "welcome": 5},
        "all_models_bytes": 2000,
        "saving": 0.8,
    }
    assert result["time"] == {
        "simulated_s": 3.0,
        "by_phase": {"coarse": 0.0, "fine": 3.0, "transfer": 0.0, "train": 0.0},
    }
    assert result["energy_j"] == {
        "compute": 7.0,
        "radio": 1.0,
        "by_device": {"a": 1.375, "target-one": 4.5, "target-two": 2.125},
        "idle": None,
        "by_phase": {"coarse": 1.0, "fine": 0.0, "transfer": 0.0, "train": 7.0},
        "idle_devices": {"counted": 0, "of": 3},
    }
    one, two = result["targets"]
    assert one == {
        "device": "target-one",
        "domain": "one",
        "accuracy": 0.5,
        "macro_f1": 0.4,
        "accuracy_target_only": 0.25,
        "shortlisted": ["a", "b"],
        "selected": ["b"],
        "traffic": {"payload_bytes": 315, "wire_bytes": 1080, "frames": 3},
        "simulated_s": 2.0,
        "energy_j": 5.75,
        "notes": ["a note"],
        "all_models_bytes": 1000,
        "saving": 0.685,
        "payload_by_phase": {"coarse": 15, "fine": 0, "transfer": 300, "train": 0},
        "time_by_phase": {"coarse": 0.5, "fine": 0.0, "transfer": 0.0, "train": 1.5},
        "accuracy_best_source": 0.3,
        "accuracy_fused": None,
        "accuracy_fused_equally": None,
    }
    assert (two["simulated_s"], two["energy_j"]) == (3.0, 2.25)


def test_of_very_many_devices_those_that_spent_most_stand_by_themselves(
    worlds: list[WorldRecord], result: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others together: no joule is lost, and the names stay in order."""
    monkeypatch.setattr(of_results, "MOST_DEVICES", 0)
    outcomes = [outcome("target-one"), outcome("target-two", 1.0, 0.5)]
    found = result_of(IDENTITY, outcomes, worlds)["energy_j"]
    assert found["by_device"] == {"target-one": 4.5, "target-two": 2.125}
    assert found["others"] == {"devices": 1, "joules": 1.375}
    assert result["energy_j"]["compute"] == found["compute"]


def test_rounds_by_hand(worlds: list[WorldRecord], result: dict[str, Any]) -> None:
    """They follow one another, so their times add up; traffic with earlier targets is told."""
    worlds[1].ledger[0].sender = "target-one"
    first = replace(outcome("target-one"), round=1)
    second = replace(outcome("target-two", 1.0, 0.5), round=2, selected=("b", "target-one"))
    second = replace(second, expanded=("target-one",))
    found = result_of(IDENTITY, [first, second], worlds)
    assert found["rounds"] == [
        {
            "round": 1,
            "targets": ["target-one"],
            "accuracy": 0.5,
            "accuracy_target_only": 0.25,
            "traffic": {"payload_bytes": 315, "wire_bytes": 1080, "frames": 3},
            "simulated_s": 2.0,
            "energy_j": 5.75,
            "expanded": {"sources": 0, "selected": 0, "payload_bytes": 0},
        },
        {
            "round": 2,
            "targets": ["target-two"],
            "accuracy": 1.0,
            "accuracy_target_only": 0.5,
            "traffic": {"payload_bytes": 85, "wire_bytes": 120, "frames": 1},
            "simulated_s": 3.0,
            "energy_j": 2.25,
            "expanded": {"sources": 1, "selected": 1, "payload_bytes": 85},
        },
    ]
    assert [list(it)[-1] for it in found["targets"]] == ["round", "round"]
    assert found["time"] == {
        "simulated_s": 5.0,
        "by_phase": {"coarse": 0.5, "fine": 3.0, "transfer": 0.0, "train": 1.5},
    }
    assert found["traffic"] == result["traffic"]
    assert list(found) == [*result, "rounds"]


def test_targets_that_share_a_world_share_its_joules(worlds: list[WorldRecord]) -> None:
    times = {name: TargetTimes(1, {"train": 1}) for name in TARGETS}
    shared = replace(worlds[0], targets=times)
    result = result_of(IDENTITY, [outcome(name) for name in TARGETS], [shared])
    assert [target["energy_j"] for target in result["targets"]] == [2.875, 2.875]
    assert sum(result["energy_j"]["by_device"].values()) == 5.75


def test_a_run_without_traffic_has_saved_everything() -> None:
    world = WorldRecord([], [], {"target-one": TargetTimes(5, {"train": 5})}, spent({"target-one": 1.0}, {}))
    result = result_of(IDENTITY, [outcome("target-one")], [world])
    assert result["traffic"]["saving"] == 1
    assert result["traffic"]["by_phase"] == dict.fromkeys(PHASES, 0)
    assert result["traffic"]["by_kind"] == {}


rows = st.builds(
    row,
    st.sampled_from(TARGETS),
    st.sampled_from(PHASES),
    st.sampled_from(["join", "model", "unreadable"]),
    st.integers(0, 2**53),
    st.integers(0, 2**53),
)


@given(st.lists(rows, max_size=20))
def test_sums_are_exactly_those_of_the_ledger(ledger: list[LedgerRow]) -> None:
    """As integers of any size, in total, by target, by phase and by kind."""
    times = {name: TargetTimes(1, {"train": 1}) for name in TARGETS}
    world = WorldRecord(ledger, [], times, [])
    result = result_of(IDENTITY, [outcome(name) for name in TARGETS], [world])
    traffic = json.loads(json.dumps(result))["traffic"]
    payload = sum(it.payload_bytes for it in ledger)
    assert traffic["payload_bytes"] == payload == sum(traffic["by_phase"].values())
    assert payload == sum(traffic["by_kind"].values())
    assert traffic["wire_bytes"] == sum(it.wire_bytes for it in ledger)
    assert traffic["frames"] == len(ledger)
    for target in result["targets"]:
        own = [it for it in ledger if it.target == target["device"]]
        assert target["traffic"]["payload_bytes"] == sum(it.payload_bytes for it in own)
        assert target["traffic"]["frames"] == len(own)
    for phase in PHASES:
        assert traffic["by_phase"][phase] == sum(it.payload_bytes for it in ledger if it.phase == phase)


def test_floats_are_rounded_to_nine_digits_and_nothing_else_is() -> None:
    value = {
        "a": [1 / 3, 123456789.123],
        "n": 12345678901234567890,
        "t": True,
        "s": "0.33333333333",
        "z": None,
    }
    assert rounded_floats(value) == {
        "a": [0.333333333, 123456789.0],
        "n": 12345678901234567890,
        "t": True,
        "s": "0.33333333333",
        "z": None,
    }
    assert rounded_floats(1.234567891234e-20) == 1.23456789e-20


def test_figures_below_the_ninth_digit_do_not_show(worlds: list[WorldRecord]) -> None:
    """What the last bit of a sum may be on another machine is no part of the answer."""
    shifted = [
        replace(world, spent=[replace(it, joules=it.joules * (1 + 1e-15)) for it in world.spent])
        for world in worlds
    ]
    outcomes = [outcome("target-one"), outcome("target-two", 1.0, 0.5)]
    assert json.dumps(result_of(IDENTITY, outcomes, shifted)) == json.dumps(
        result_of(IDENTITY, outcomes, worlds)
    )
