"""`hat-sim diagnose`: what the record of a run says about how it went."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"


def diagnose(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    format: Annotated[Format, typer.Option(help="Sentences to read, or JSON.")] = Format.text,
) -> None:
    """Say which of the paper's failure signatures a run shows, with figures and the setting to change."""
    from hat_sim.simulation.diagnosis import evidence_in, findings, sentences
    from hat_sim.simulation.run_folder import RunFolder

    evidence = evidence_in(RunFolder(folder))
    found = findings(evidence)
    if format is Format.json:
        print(json.dumps([finding.as_json() for finding in found], indent=1))
        return
    for sentence in sentences(found, len(evidence)):
        print(sentence)
