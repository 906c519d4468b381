"""`python -m benchmarks.network_page`: docs/network.md, the network model held against measurements.

No figure in it is typed by hand: those of real TCP are the tables of `tests/netlab` and what
`python -m benchmarks.network_validation` left.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.machine import ROOT
from benchmarks.network_validation import CASES, RESULTS, SEEDS, shown
from hat_sim.network.access import AccessLink
from hat_sim.network.case import Case, read_cases
from hat_sim.network.flows import FlowNetwork
from hat_sim.network.loss import KNOWN_LOSS
from hat_sim.network.simulate import simulate
from hat_sim.network.tcp import LENGTH_PREFIX, wire_bytes

PAGE = ROOT / "docs" / "network.md"
TEXT = ROOT / "benchmarks" / "network_page.md"
NETLAB = ROOT / "tests" / "netlab"
IDLE_NS = 60_000_000_000
DROPPED = ("1", "5000000")
"""Rate and size of the rows in which queues dropped packets, so that they bound no bytes."""
UNEQUAL = "E5 lat 5 10 20 40 80ms"
"""The case with paths of unequal latency, whose makespan is no target."""


@dataclass(frozen=True)
class Line:
    """One figure, simulated and measured, and how far they may be apart (None: it is no target)."""

    what: str
    simulated: float
    measured: float
    bound: float | None
    bound_told: str

    @property
    def off(self) -> float:
        return self.simulated - self.measured

    @property
    def verdict(self) -> str:
        if self.bound is None:
            return "no target"
        return "yes" if abs(self.off) <= self.bound else "**no**"

    def cells(self, digits: int) -> tuple[str, ...]:
        error = f"{self.off / self.measured:+.2%}"
        return (
            self.what,
            f"{self.measured:,.{digits}f}",
            f"{self.simulated:,.{digits}f}",
            error,
            self.bound_told,
            self.verdict,
        )


HEADER = ("", "measured", "simulated", "error", "bound", "holds")


def single_times() -> Iterator[Line]:
    """Each message of `single_flow.csv` alone, on a new connection or on one that has idled."""
    for row in _single_rows():
        size, measured_s = int(row["message_bytes"]), float(row["median_transfer_s"])
        is_small = size < 100_000
        bound_s = 0.003 if is_small else max(0.003, 0.02 * measured_s)
        yield Line(_name(row), _transfer_s(row), measured_s, bound_s, "3 ms" if is_small else "2 % or 3 ms")


def single_bytes() -> Iterator[tuple[Line, Line]]:
    """Forward and total bytes of each message; a row that opens no connection counts the opening as well."""
    for row in _single_rows():
        forward, reverse = (float(row[f"{way}_bytes_l2"]) for way in ("forward", "reverse"))
        cost = wire_bytes(int(row["message_bytes"]), opens=True)
        is_target = (row["rate_mbit_s"], row["message_bytes"]) != DROPPED
        total = forward + reverse
        yield (
            Line(_name(row), cost.forward, forward, 0 if is_target else None, "exact"),
            Line(_name(row), cost.total, total, 0.01 * total if is_target else None, "1 %"),
        )


def contended() -> Iterator[tuple[Line, Line]]:
    """Makespan and mean completion of each case of `contention.json`."""
    for case in read_cases(NETLAB / "contention.json"):
        completed_s = [it.completed_s for it in simulate(case.hosts, case.flows)]
        assert case.measured_makespan_s is not None and case.measured_mean_s is not None
        share = 0.01 if min(flow["bytes"] for flow in case.flows) >= 1_000_000 else 0.05
        yield (
            Line(case.name, max(completed_s), case.measured_makespan_s, *_makespan_bound(case, share)),
            Line(
                case.name,
                sum(completed_s) / len(completed_s),
                case.measured_mean_s,
                0.2 * case.measured_mean_s,
                "20 %",
            ),
        )


def render() -> str:
    """The page, in Markdown."""
    single, contention = list(single_bytes()), list(contended())
    tables = {
        "single": _table(HEADER, [it.cells(4) for it in single_times()]),
        "forward": _table(HEADER, [it.cells(0) for it, _ in single]),
        "total": _table(HEADER, [it.cells(0) for _, it in single]),
        "makespan": _table(HEADER, [it.cells(4) for it, _ in contention]),
        "mean": _table(HEADER, [it.cells(4) for _, it in contention]),
        "summary": _summary([*single_times()], single, contention),
        "real": _real(),
        "seeds": str(SEEDS),
        "known": f"{KNOWN_LOSS:.0%}".replace("%", " %"),
    }
    text = TEXT.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = text.replace("{{" + name + "}}", table.rstrip("\n"))
    return text


def _summary(
    times: Sequence[Line], sizes: Sequence[tuple[Line, Line]], contention: Sequence[tuple[Line, Line]]
) -> str:
    kinds = {
        "time of a single message": times,
        "forward bytes, no drops": [it for it, _ in sizes],
        "total bytes, no drops": [it for _, it in sizes],
        "makespan of concurrent messages": [it for it, _ in contention],
        "mean completion of concurrent messages": [it for _, it in contention],
    }
    rows = []
    for kind, lines in kinds.items():
        bounded = [it for it in lines if it.bound is not None]
        worst = max(bounded, key=lambda it: abs(it.off / it.measured))
        held = sum(it.verdict == "yes" for it in bounded)
        rows.append((kind, f"{held} of {len(bounded)}", f"{worst.off / worst.measured:+.2%} ({worst.what})"))
    return _table(("", "bounds that hold", "largest error"), rows)


def _real() -> str:
    """What real TCP did over emulated links, and on which machine."""
    if not RESULTS.exists():
        return "**Missing:** it has not been measured; `python -m benchmarks.network_validation` does.\n"
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    measured = {it["name"]: it["measured"] for it in results["cases"]}
    rows = [shown(case, measured[case.name]) for case in CASES if case.name in measured]
    machine = results["machine"]
    return (
        _table(("", "runs", "measured s", "simulated s", "error"), rows)
        + f"\nMeasured on {machine['cores']} cores of {machine['processor']}, which others used as well, "
        f"{machine['system']} {machine['kernel']}.\n"
    )


def _single_rows() -> Iterable[dict[str, str]]:
    return csv.DictReader((NETLAB / "single_flow.csv").read_text(encoding="utf-8").splitlines())


def _name(row: dict[str, str]) -> str:
    latency_ms, size = float(row["one_way_latency_s"]) * 1000, int(row["message_bytes"])
    return f"{size // 1000} kB, {row['rate_mbit_s']} Mbit/s, {latency_ms:g} ms, {row['connection']}"


def _transfer_s(row: dict[str, str]) -> float:
    rate = int(row["rate_mbit_s"]) * 1_000_000
    link = AccessLink(rate, rate, round(float(row["one_way_latency_s"]) * 1e9 / 2))
    network = FlowNetwork({"a": link, "b": link})
    start_ns = 0
    if row["connection"] == "warm":
        network.send(0, "a", "b", 0, 0)
        start_ns = IDLE_NS
        network.advance(start_ns)
    network.send(1, "a", "b", int(row["message_bytes"]) - LENGTH_PREFIX, start_ns)
    (delivery,) = network.advance(100 * IDLE_NS)
    return (delivery.arrived_ns - start_ns) / 1e9


def _makespan_bound(case: Case, share: float) -> tuple[float | None, str]:
    assert case.measured_makespan_s is not None
    if case.name == UNEQUAL:
        return None, ""
    if min(flow["bytes"] for flow in case.flows) < 100_000:
        return 0.003, "3 ms"
    return share * case.measured_makespan_s, f"{share:.0%}".replace("%", " %")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def write_page() -> None:
    """Make the page anew."""
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write_page()
    print(PAGE.relative_to(ROOT))
