"""`hat-sim network`: simulated beside measured, and what is wrong with a file."""

import json
from pathlib import Path

import pytest

from hat_sim.cli.main import main

CONTENTION = Path(__file__).parent.parent / "netlab" / "contention.json"
HOST = {"up_mbit_s": 1, "down_mbit_s": 1, "access_latency_s": 0.05}
FLOW = {"src": 0, "dst": 1, "bytes": 1000}


@pytest.fixture
def written(tmp_path):
    def write(content):
        file = tmp_path / "case.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(file)

    return write


def test_measured_cases_are_told_with_their_errors(capsys):
    assert main(["network", str(CONTENTION), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    measured = json.loads(CONTENTION.read_text())
    assert [it["name"] for it in shown] == [it["name"] for it in measured]
    for ours, theirs in zip(shown, measured, strict=True):
        makespan = ours["makespan"]
        assert makespan["measured_s"] == theirs["measured"]["makespan_s"]
        assert makespan["simulated_s"] == max(flow["completed_s"] for flow in ours["flows"])
        assert makespan["error"] == makespan["simulated_s"] / makespan["measured_s"] - 1
        assert ours["wire_bytes"] == sum(it["forward_bytes"] + it["reverse_bytes"] for it in ours["flows"])


def test_a_table_has_a_row_for_each_case(capsys):
    assert main(["network", str(CONTENTION)]) == 0
    rows = capsys.readouterr().out
    assert rows.count("%") == 2 * 17
    assert "2.5771" in rows and "2.5787" in rows and "-0.1%" in rows


def test_one_case_is_told_flow_by_flow(written, capsys):
    """Without measurements, and without a start: from 0 s."""
    assert main(["network", written({"hosts": [HOST, HOST], "flows": [FLOW]})]) == 0
    shown = capsys.readouterr().out
    assert "case 0" in shown and "%" not in shown
    assert "0.3200" in shown and "1,404" in shown and "273" in shown


def test_lost_packets_depend_on_the_seed(written, capsys):
    lossy = HOST | {"loss_percent": 10}
    file = written([{"hosts": [lossy, lossy], "flows": [FLOW | {"bytes": 300_000}]}])
    shown = []
    for seed in ("1", "1", "2"):
        assert main(["network", file, "--format", "json", "--seed", seed]) == 0
        shown.append(json.loads(capsys.readouterr().out)[0]["wire_bytes"])
    assert shown[0] == shown[1] != shown[2]


def test_unknown_keys_that_may_be_measurements_are_passed_over(written, capsys):
    measured = {"makespan_s": 0.3, "sorted_completions_s": [0.3], "kernel": "6.1"}
    case = {"hosts": [HOST, HOST], "flows": [FLOW | {"retransmits": 3}], "measured": measured, "runs": 5}
    assert main(["network", written(case)]) == 0
    assert "0.3000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", [":1: is no JSON: "]),
        ("[]", [": holds no case (hosts and flows, or a list of such)"]),
        ("[3]", [": [0]: 3 is no case (an object with hosts and flows)"]),
        ({"hosts": [HOST]}, [': the key "flows" is missing']),
        ({"hosts": [], "flows": [FLOW]}, [": hosts: [] is no list with anything in it (a list of objects)"]),
        (
            [{"host": [HOST, HOST], "flows": [FLOW], "mesured": {}}],
            [
                ': [0].host: unknown key "host" (did you mean "hosts"?)',
                ': [0].mesured: unknown key "mesured" (did you mean "measured"?)',
            ],
        ),
        (
            {
                "hosts": [
                    {"up_mbit": 1, "down_mbit_s": True, "access_latency_s": "1 ms"},
                    HOST | {"loss": 1},
                ],
                "flows": [{"source": 0, "dst": 0.5, "bytes": 1e16}, 7],
                "measured": {"makespan_s": None},
            },
            [
                ': hosts[0].up_mbit: unknown key "up_mbit" (did you mean "up_mbit_s"?)',
                ": hosts[0].down_mbit_s: true is not a number (a number)",
                ': hosts[0].access_latency_s: "1 ms" is not a number (a number)',
                ': hosts[1].loss: unknown key "loss" (known: up_mbit_s, ',
                ': flows[0].source: unknown key "source" (did you mean "src"?)',
                ": flows[0].dst: 0.5 is not a whole number (a whole number)",
                ": flows[0].bytes: 1e+16 is not a whole number (a whole number)",
                ": flows[1]: 7 is no object (an object with src, dst, bytes, start_s)",
                ": measured.makespan_s: null is not a number (a number)",
            ],
        ),
        (
            {"hosts": [HOST | {"up_mbit_s": 0, "loss_percent": 100}, HOST], "flows": [FLOW | {"dst": 2}]},
            [
                ": hosts[0]: no such link: ",
                ": hosts[0]: loses 100 % of the packets (0 or more, and below 100)",
                ": flows[0]: from 0 to 2 (two of the hosts, counted from 0)",
            ],
        ),
        (
            {"name": 3, "hosts": [HOST, HOST], "flows": [FLOW | {"bytes": 10**16, "start_s": -1}]},
            [
                ": name: 3 is no name (text)",
                ": flows[0].bytes: 10000000000000000 is too large (at most 1e15)",
            ],
        ),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(written, capsys, content, told):
    file = written(content)
    assert main(["network", file]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == len(told)
    for expected in told:
        assert any(line.startswith(file + expected) for line in lines), (expected, err)


def test_a_file_that_cannot_be_read_is_no_bug(tmp_path, capsys):
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)
    for file, why in (
        (tmp_path / "gone.json", "cannot be read: No such file"),
        (binary, "no text"),
        (deep, "deep"),
    ):
        assert main(["network", str(file)]) == 2
        assert why in capsys.readouterr().err
