"""`hat-sim compare`: methods on the same ground, paired, extended, and what is wrong said in time."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.usefixtures("without_ray")

METHODS = ("--methods", "hat,aver,target-only")


def rows(folder: Path) -> list[dict]:
    return pq.read_table(folder / "results.parquet").to_pylist()


def test_every_method_has_the_same_targets_and_seeds(hat_sim, here, without_ray) -> None:
    ended = hat_sim("compare", "tiny.yaml", *METHODS, "--seeds", "2", "--out", "out")
    assert ended.code == 0, ended.err
    assert len(without_ray) == 6
    found = rows(here / "out")
    assert [(row["method"], row["seed"]) for row in found] == [
        (method, seed) for method in ("hat", "aver", "target-only") for seed in (0, 1)
    ]
    assert {row["accuracy_target_only"] for row in found if row["seed"] == 0} == {
        row["accuracy"] for row in found if row["method"] == "target-only" and row["seed"] == 0
    }
    assert "tiny; differences from hat" in ended.out and "w/t/l" in ended.out
    assert ended.out.splitlines()[-2:] == ["comparison folder: out", "report: out/report.html"]
    assert "Comparison of 3 methods" in (here / "out" / "report.html").read_text()


def test_a_method_added_later_runs_alone(hat_sim, here, without_ray) -> None:
    hat_sim("compare", "tiny.yaml", "--methods", "hat", "--out", "out")
    without_ray.clear()
    assert hat_sim("compare", "tiny.yaml", *METHODS, "--out", "out").code == 0
    assert [plan.scenario.method.name for plan in without_ray] == ["aver", "target-only"]
    without_ray.clear()
    assert "every cell is finished" in hat_sim("compare", "tiny.yaml", *METHODS, "--out", "out").out
    assert without_ray == []


def test_without_methods_all_are_compared(hat_sim, here, without_ray) -> None:
    from hat_sim.methods.registry import METHODS as ALL

    assert hat_sim("compare", "tiny.yaml").code == 0
    assert [plan.scenario.method.name for plan in without_ray] == list(ALL)
    [folder] = (here / "comparisons").iterdir()
    assert re.fullmatch(r"tiny-[0-9a-f]{8}", folder.name)


def test_a_method_may_come_with_options_and_others_be_held_against_it(hat_sim, here) -> None:
    listed = "hat,{name: hat, eta: 0.3},target-only"
    ended = hat_sim("compare", "tiny.yaml", "--methods", listed, "--against", "target-only", "--out", "out")
    assert ended.code == 0, ended.err
    assert "differences from target-only" in ended.out
    assert {row["method"]: row["method.eta"] for row in rows(here / "out")} == {
        "hat": 0.6,
        "{name: hat, eta: 0.3}": 0.3,
        "target-only": None,
    }
    long = "{name: hat, eta: 0.3, top: 1, temperature: 2.5, anchor: 0.1}"
    ended = hat_sim("compare", "tiny.yaml", "--methods", f"aver,{long}", "--against", long, "--out", "long")
    assert ended.code == 0, ended.err
    assert len(re.findall(r"[0-9]/[0-9]/[0-9]", ended.out)) == 1, "aver alone is held against it"


def test_another_axis_may_be_varied(hat_sim, here) -> None:
    options = ("--methods", "hat,target-only", "--vary", "target.labels_per_class=1,2")
    ended = hat_sim("compare", "tiny.yaml", *options, "--out", "out")
    assert ended.code == 0, ended.err
    assert len(rows(here / "out")) == 4
    assert "tiny, everywhere;" in ended.out and "tiny, labels_per_class = 2;" in ended.out


class TestWrongInput:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--methods", "hat,avre"), 'unknown method "avre" (did you mean "aver"?)'),
            (("--methods", ""), "--methods method: the axis has no values"),
            (("--methods", "hat", "--against", "aver"), '--against: "aver" is not compared (one of hat)'),
            (("--vary", "method.eta=0.1"), "method.eta is a part of method, which varies as well"),
            (("--methods", "{name: hat"), "--methods"),
        ],
    )
    def test_it_exits_with_2(self, options, said, hat_sim, here, without_ray) -> None:
        ended = hat_sim("compare", "tiny.yaml", *options, "--out", "out")
        assert ended.code == 2
        assert said in ended.err
        assert "Traceback" not in ended.err and without_ray == []
        assert not (here / "out").exists()
