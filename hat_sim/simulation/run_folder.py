"""The run folder: whose it is, whether it is finished, and the files that a finished one holds.

`scenario.yaml` is written first and names the run in its first line; `result.json` comes last, so a folder
with it is finished. Files appear whole.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from hat_sim.errors import UserError
from hat_sim.protocol.ledger import COLUMNS, LedgerRow
from hat_sim.simulation import files
from hat_sim.simulation.result import SCHEMA, Identity

SCENARIO, RESULT, LEDGER, TIMELINE = "scenario.yaml", "result.json", "ledger.parquet", "timeline.json"
CURVES, FLEET, FUSION = "curves.parquet", "fleet.parquet", "fusion.parquet"
SELECTION = "selection.parquet"
ENERGY = "energy.parquet"
ENVIRONMENT, REPORT = "environment.json", "report.html"
MODELS = "model"
OUTCOMES = ".outcomes"
"""What targets have computed, until the run is finished: `--resume` goes on from there."""

_HEADER = re.compile(r"# hat-sim run, schema (\d+): scenario ([0-9a-f]{64}), seed (\d+)\n")
_AGAIN = "run it again"
_INTEGERS = frozenset({"seq", "payload_bytes", "wire_bytes", "sent_ns", "arrived_ns", "attempt"})
LEDGER_SCHEMA = pa.schema([(name, pa.int64() if name in _INTEGERS else pa.string()) for name in COLUMNS])
LEDGER_PART = 131_072
"""So many rows of the ledger are made into columns at once."""
CURVE_SCHEMA = pa.schema(
    [
        ("target", pa.string()),
        ("epoch", pa.int64()),
        ("student_loss", pa.float64()),
        ("labelled_accuracy", pa.float64()),
        ("mixer_loss", pa.float64()),
        ("mixer_accuracy", pa.float64()),
        ("alpha", pa.float64()),
        ("stored", pa.bool_()),
        ("pool_accuracy", pa.float64()),
    ]
)
FLEET_SCHEMA = pa.schema(
    [
        ("target", pa.string()),
        ("name", pa.string()),
        ("domain", pa.string()),
        ("architecture", pa.string()),
        ("device", pa.string()),
        ("link", pa.string()),
        ("speed_flop_s", pa.float64()),
        ("up_bit_s", pa.float64()),
        ("down_bit_s", pa.float64()),
        ("rtt_ns", pa.int64()),
        ("shortlisted", pa.bool_()),
        ("score", pa.float64()),
        ("selected", pa.bool_()),
        ("fusion_weight", pa.float64()),
        ("claimed_accuracy", pa.float64()),
        ("accuracy_on_target", pa.float64()),
    ]
)
SELECTION_SCHEMA = pa.schema(
    [
        ("target", pa.string()),
        ("source", pa.string()),
        ("measure", pa.string()),
        ("similarity", pa.float64()),
    ]
)
SENSORS_COLUMN = pa.field("sensors", pa.string())
"""What each device of a fleet carries, where not all carry the same."""
FUSION_SCHEMA = pa.schema(
    [("target", pa.string()), ("source", pa.string()), ("class", pa.string()), ("weight", pa.float64())]
)
ENERGY_SCHEMA = pa.schema(
    [("device", pa.string()), ("phase", pa.string()), ("part", pa.string()), ("joules", pa.float64())]
)


def _ledger_table(rows: Sequence[LedgerRow]) -> pa.Table:
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    return pa.table(columns, schema=LEDGER_SCHEMA)


def default_folder(identity: Identity) -> Path:
    """`runs/<name>-<short hash>-s<seed>` below the working directory."""
    return Path("runs") / f"{identity.scenario}-{identity.scenario_sha256[:8]}-s{identity.seed}"


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds a run, will hold one, or has nothing to do with us."""

    path: Path

    def is_ours(self) -> bool:
        return self._header() is not None

    def is_empty(self) -> bool:
        return files.is_empty(self.path)

    def is_finished(self) -> bool:
        return (self.path / RESULT).is_file()

    def holds(self, identity: Identity) -> bool:
        """Whether the run in the folder is of this scenario and seed."""
        return self._header() == (identity.scenario_sha256, identity.seed)

    @property
    def outcomes(self) -> Path:
        """Where targets keep what they have computed until the run is finished."""
        return (self.path / OUTCOMES).absolute()

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write `result.json`, which makes the run a finished one."""
        self.write_json(RESULT, result)
        shutil.rmtree(self.outcomes, ignore_errors=True)

    def begin(self, identity: Identity, scenario: Mapping[str, Any], resume: bool = False) -> None:
        """Claim the folder for a run; what an earlier one left of its own files goes.

        UserError where it cannot be made.
        """
        files.make_folder(self.path)
        tables = (LEDGER, CURVES, FLEET, SELECTION, FUSION, ENERGY)
        for name in (RESULT, TIMELINE, *tables, ENVIRONMENT, REPORT):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / MODELS, ignore_errors=True)
        if not resume:
            shutil.rmtree(self.outcomes, ignore_errors=True)
        header = f"# hat-sim run, schema {SCHEMA}: scenario {identity.scenario_sha256}, seed {identity.seed}"
        files.write_yaml(self.path / SCENARIO, header, scenario)

    def write_ledger(self, rows: Sequence[LedgerRow]) -> None:
        starts = range(0, max(1, len(rows)), LEDGER_PART)
        parts = (_ledger_table(rows[start : start + LEDGER_PART]) for start in starts)
        files.write_parts(self.path / LEDGER, LEDGER_SCHEMA, parts)

    def write_curves(self, rows: Sequence[Mapping[str, Any]]) -> None:
        files.write_table(self.path / CURVES, pa.Table.from_pylist(list(rows), schema=CURVE_SCHEMA))

    def write_fleet(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A row for each target and device of its world, the target itself first."""
        is_mixed = any(row.get("sensors") is not None for row in rows)
        schema = FLEET_SCHEMA.append(SENSORS_COLUMN) if is_mixed else FLEET_SCHEMA
        files.write_table(self.path / FLEET, pa.Table.from_pylist(list(rows), schema=schema))

    def write_selection(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A row for each source and each measure or space in which it was compared with the target."""
        files.write_table(self.path / SELECTION, pa.Table.from_pylist(list(rows), schema=SELECTION_SCHEMA))

    def write_energy(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A row for each device, phase and part; waiting has no phase."""
        files.write_table(self.path / ENERGY, pa.Table.from_pylist(list(rows), schema=ENERGY_SCHEMA))

    def write_fusion(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A row for each source that was fused and each class that the fusion took samples for."""
        files.write_table(self.path / FUSION, pa.Table.from_pylist(list(rows), schema=FUSION_SCHEMA))

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        files.write_json(self.path / name, content)

    def write_timeline(self, trace: Mapping[str, Any]) -> None:
        """Trace events, a line each: there are thousands in a large fleet."""
        files.write_rows(self.path / TIMELINE, trace, "traceEvents")

    def write_model(self, target: str, weights: bytes, program: bytes) -> None:
        """`model/<target>/model.safetensors` and `model.pt`, a TorchScript program."""
        folder = self.path / MODELS / target
        folder.mkdir(parents=True, exist_ok=True)
        files.write_whole(folder / "model.safetensors", weights)
        files.write_whole(folder / "model.pt", program)

    def read_result(self) -> dict[str, Any]:
        """`result.json`; UserError where this is no finished run, or one of another version."""
        if not self.is_ours() or not self.is_finished():
            state = "is an unfinished run" if self.is_ours() else "is no run folder"
            raise UserError(f"{self.path} {state}", hint="name a folder that `hat-sim run` has finished")
        try:
            result: dict[str, Any] = json.loads((self.path / RESULT).read_bytes())
        except (OSError, ValueError) as error:
            raise files.unreadable(self.path / RESULT, error, _AGAIN) from None
        if not isinstance(result, dict):
            raise files.unreadable(self.path / RESULT, "it holds no result", _AGAIN)
        files.check_version(self.path, result.get("schema"), SCHEMA)
        return result

    def has_models(self) -> bool:
        return (self.path / MODELS).is_dir()

    def made_by(self) -> dict[str, Any]:
        """`environment.json`: what made the run, on which machine; empty where that cannot be read."""
        try:
            environment = json.loads((self.path / ENVIRONMENT).read_bytes())
        except (OSError, ValueError):
            return {}
        return environment if isinstance(environment, dict) else {}

    def read_ledger(self) -> pa.Table:
        """The ledger; UserError where it is missing or damaged."""
        return self._read_table(LEDGER, LEDGER_SCHEMA)

    def read_fleet(self) -> pa.Table:
        """Who was in the world of each target; UserError where the file is missing or damaged."""
        return self._read_table(FLEET, FLEET_SCHEMA, FLEET_SCHEMA.append(SENSORS_COLUMN))

    def read_selection(self) -> pa.Table:
        """How similar sources were found to be; UserError where the file is missing or damaged."""
        return self._read_table(SELECTION, SELECTION_SCHEMA)

    def read_fusion(self) -> pa.Table:
        """How sources were weighed; UserError where the file is missing or damaged."""
        return self._read_table(FUSION, FUSION_SCHEMA)

    def read_curves(self) -> pa.Table:
        """How targets learned; UserError where the file is missing or damaged."""
        return self._read_table(CURVES, CURVE_SCHEMA)

    def _header(self) -> tuple[str, int] | None:
        match = files.read_header(self.path / SCENARIO, _HEADER, SCHEMA)
        return (match[2], int(match[3])) if match else None

    def _read_table(self, name: str, *schemas: pa.Schema) -> pa.Table:
        """A table with the columns of one of these schemas."""
        table = files.read_table(self.path / name, _AGAIN)
        if not any(table.schema.equals(schema) for schema in schemas):
            raise files.unreadable(self.path / name, "it has other columns", _AGAIN)
        return table
