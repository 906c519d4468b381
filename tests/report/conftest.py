"""Made-up run and sweep folders, and a headless Chromium to look at their reports as a person does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from benchmarks.browser import BROWSERS, Tab, find_browser
from hat_sim.protocol.ledger import LedgerRow
from hat_sim.simulation.files import write_table
from hat_sim.simulation.record import Busy, Spent, TargetTimes, WorldRecord
from hat_sim.simulation.result import Identity, TargetOutcome, result_of
from hat_sim.simulation.run_folder import RunFolder
from hat_sim.simulation.timeline import trace_events

SCREENSHOTS = Path(__file__).parent / "screenshots"


class ScreenshotTab(Tab):
    """A tab whose screenshots are kept among the artefacts of the tests."""

    def keep_screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        (SCREENSHOTS / f"{name}.png").write_bytes(self.screenshot())


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab of a headless browser; the test is skipped where none is installed."""
    executable = find_browser()
    if executable is None:
        pytest.skip(f"no browser is installed (looked for {', '.join(BROWSERS)})")
    opened = ScreenshotTab(executable, tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a finished run of made-up worlds, one for each target, with `sources` sources in each.

    Without `mixer` it is of a method that scores, fuses and mixes nothing.
    """

    def write(
        targets: int = 1,
        sources: int = 11,
        name: str = "made-up",
        prefix: str = "source",
        mixer: bool = True,
    ) -> Path:
        worlds, outcomes, fleet = [], [], []
        for number in range(1, targets + 1):
            target = f"target-{number}"
            names = [f"{prefix}-{k:04}" for k in range(sources)]
            worlds.append(_world(target, names))
            outcomes.append(
                TargetOutcome(
                    device=target,
                    domain=f"domain-{number}",
                    accuracy=0.9 - 0.01 * number,
                    macro_f1=0.88,
                    accuracy_target_only=0.88 if number % 2 else 0.9,
                    accuracy_best_source=0.85,
                    shortlisted=tuple(names[:6]),
                    selected=tuple(names[:3]),
                    all_models_bytes=50_000 * sources,
                    notes=("the labels are few",),
                )
            )
            fleet += [_device(target, target, None), *(_device(target, it, k) for k, it in enumerate(names))]
        folder = RunFolder(tmp_path / f"run-{name}-{targets}-{sources}")
        identity = Identity(name, "ab" * 32, 7, "hat")
        folder.begin(identity, {"name": name})
        folder.write_ledger([row for world in worlds for row in world.ledger])
        unknown = {} if mixer else dict.fromkeys(("mixer_loss", "mixer_accuracy", "alpha", "stored"))
        folder.write_curves([row | unknown for it in outcomes for row in _curve(it.device)])
        unknown = {} if mixer else dict.fromkeys(("score", "fusion_weight"))
        folder.write_fleet([row | unknown for row in fleet])
        folder.write_fusion([row for it in outcomes if mixer for row in _fusion(it.device, it.selected)])
        folder.write_timeline(trace_events(worlds))
        folder.write_json("result.json", result_of(identity, outcomes, worlds))
        return folder.path

    return write


def _world(target: str, names: Sequence[str]) -> WorldRecord:
    """The first six are asked twice, the first three send a model; all times are in milliseconds."""
    ledger: list[LedgerRow] = []

    def frame(phase: str, kind: str, sender: str, receiver: str, size: int, at: int, lasts: int) -> None:
        row = (phase, kind, sender, receiver, size, size + 60, at * 10**6, (at + lasts) * 10**6)
        ledger.append(LedgerRow(len(ledger), target, *row, 1, "delivered"))  # type: ignore[arg-type]

    for name in names:
        frame("coarse", "summary_request", target, name, 26, 0, 5)
        frame("coarse", "summary", name, target, 341, 6, 5)
    for name in names[:6]:
        frame("fine", "centroids", name, target, 1000, 20, 5)
    for k, name in enumerate(names[:3]):
        frame("transfer", "model", name, target, 50_000 + k, 30, 40)
    busy = [Busy(name, "centroids", "fine", 12 * 10**6, 20 * 10**6, 10**6) for name in names[:6]]
    busy.append(Busy(target, "joint training", "train", 70 * 10**6, 2000 * 10**6, 10**9))
    phases = {"coarse": 11 * 10**6, "fine": 14 * 10**6, "transfer": 45 * 10**6, "train": 1930 * 10**6}
    joules = dict.fromkeys(names, 0.01)
    times = {target: TargetTimes(2000 * 10**6, phases)}
    spent = [
        *(Spent(name, "compute", "train", 0, 1, amount) for name, amount in {**joules, target: 20.0}.items()),
        *(Spent(name, "radio", "coarse", 1, 1, amount) for name, amount in {**joules, target: 1.0}.items()),
    ]
    return WorldRecord(ledger, busy, times, spent, (target, *names))


def _device(target: str, name: str, k: int | None) -> dict[str, Any]:
    place = 0 if k is None else k
    scored, chosen = k is not None and k < 6, k is not None and k < 3
    return {
        "target": target,
        "name": name,
        "domain": name,
        "architecture": ("cnn-small", "gru")[place % 2],
        "device": ("pi4", "phone-mid", "jetson-nano")[place % 3],
        "link": ("wifi", "lte")[place % 2],
        "speed_flop_s": 1e9 * (place + 1),
        "up_bit_s": 33e6,
        "down_bit_s": 40e6,
        "rtt_ns": 2_000_000,
        "shortlisted": scored,
        "score": 0.9 - 0.1 * place if scored else None,
        "selected": chosen,
        "fusion_weight": (0.5, 0.3, 0.2)[place] if chosen else None,
        "claimed_accuracy": None if k is None else 0.95,
        "accuracy_on_target": None if k is None else 0.9 - 0.02 * (place % 10),
    }


def _fusion(target: str, sources: Sequence[str]) -> Iterator[dict[str, Any]]:
    for k, source in enumerate(sources):
        for c, label in enumerate(("walking", "sitting", "lying")):
            yield {
                "target": target,
                "source": source,
                "class": label,
                "weight": (0.2 + 0.1 * k + 0.1 * c) / 1.5,
            }


def _curve(target: str) -> Iterator[dict[str, Any]]:
    for epoch in range(10):
        yield {
            "target": target,
            "epoch": epoch,
            "student_loss": 1 / (epoch + 1),
            "labelled_accuracy": min(1.0, 0.5 + 0.1 * epoch),
            "mixer_loss": 0.5 / (epoch + 1),
            "mixer_accuracy": min(1.0, 0.6 + 0.1 * epoch),
            "alpha": min(1.0, 0.2 * epoch),
            "stored": epoch in (0, 2, 4),
        }


@pytest.fixture
def sweep_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a sweep over eta and the target's link; `etas` and `targets` make it as large as wanted."""

    def write(etas: Sequence[float] = (0.2, 0.6, 1.0), targets: int = 3, seeds: int = 2) -> Path:
        folder = tmp_path / f"sweep-{len(etas)}-{targets}"
        folder.mkdir()
        links, places = ("wifi", "lte"), [[eta] for eta in etas]
        (folder / "sweep.yaml").write_text(
            f"# hat-sim sweep, schema 1: {'ab' * 32}\nname: made-up\nnotes: []\n"
            f"cells: {len(etas) * 2 * seeds + 1}\naxes:\n"
            f"- {{paths: [method.eta], values: {places}, columns: {places}}}\n"
            "- {paths: [target.link], values: [[wifi], [lte]], columns: [[wifi], [lte]]}\n"
        )
        rows = [
            _result(eta, link, target, seed)
            for eta, link, target, seed in product(etas, links, range(targets), range(seeds))
        ]
        write_table(folder / "results.parquet", pa.Table.from_pylist(rows))
        failure = {"cell": "eta-2", "axes": {"method.eta": 2.0}, "error": "eta must be at most 1"}
        (folder / "failures.json").write_text(json.dumps([failure]))
        return folder

    return write


@pytest.fixture
def comparison_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a comparison at one place or at two; `better` is how far aver leads hat at each target."""

    def write(better: Sequence[float] = (0.1, 0.05, 0.02, 0.1, 0.1, 0.04, 0.1), places: int = 1) -> Path:
        folder = tmp_path / f"comparison-{len(better)}-{places}"
        folder.mkdir()
        labels = (1, 2)[:places]
        columns = [[label] for label in labels]
        (folder / "sweep.yaml").write_text(
            f"# hat-sim sweep, schema 1: {'cd' * 32}\nname: made-up\nreference: hat\nnotes: []\n"
            f"cells: {3 * places * 2}\naxes:\n"
            "- {paths: [method], values: [[hat], [aver], [target-only]], "
            "columns: [[hat], [aver], [target-only]]}\n"
            f"- {{paths: [target.labels_per_class], values: {columns}, columns: {columns}}}\n"
        )
        rows = [
            _result(0.5, "lte", target, seed)
            | {
                "cell": f"{method}-{label}",
                "method": method,
                "target.labels_per_class": label,
                "accuracy": 0.6 + 0.02 * target + 0.01 * seed + 0.05 * label + lead * (method == "aver"),
                "payload_bytes": {"hat": 300, "aver": 900, "target-only": 0}[method],
            }
            for method, label, (target, lead), seed in product(
                ("hat", "aver", "target-only"), labels, enumerate(better), (0, 1)
            )
        ]
        write_table(folder / "results.parquet", pa.Table.from_pylist(rows))
        return folder

    return write


def _result(eta: float, link: str, target: int, seed: int) -> dict[str, Any]:
    payload = round(100_000 * (0.1 + eta))
    return {
        "cell": f"{eta}-{link}",
        "seed": seed,
        "target": f"target-{target}",
        "domain": f"domain-{target}",
        "method.eta": eta,
        "target.link": link,
        "accuracy": 0.6 + 0.2 * eta + (0.002 if link == "lte" else 0.0) + 0.01 * target + 0.005 * seed,
        "accuracy_target_only": 0.65 + 0.01 * target,
        "accuracy_best_source": 0.7,
        "macro_f1": 0.6,
        "payload_bytes": payload,
        "wire_bytes": payload + 5000,
        "frames": 40,
        "all_models_bytes": 500_000,
        "saving": 1 - payload / 500_000,
        "simulated_s": 1 + eta * (5 if link == "lte" else 1),
        "energy_j": 10 + eta * (2 if link == "lte" else 1),
        "selected": 3,
    }
