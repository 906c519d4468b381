"""The settings of the peers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class NoOptions(BaseModel):
    """A method without settings."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class AverOptions(NoOptions):
    """AVER."""

    alpha: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the distillation against the labels."""


class FineTuneOptions(NoOptions):
    """The best source, fine-tuned."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Learning rate of Adam, for encoder and head."""
    steps: Annotated[int, Field(ge=1)] = 60
    """Updates on the labelled samples."""
