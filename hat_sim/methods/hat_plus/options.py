"""The settings of HaT-plus and of its control without sources."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hat_sim.methods.hat.options import Positive, SelectionOptions


class SpreadOptions(BaseModel):
    """How the student is taught by what is said of the target's own samples."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    own_width: Annotated[int, Field(ge=2, le=4096, multiple_of=2)] = 512
    """Features of the target's own random encoder."""
    penalty: Positive = 0.3
    """L2 penalty of the probes."""
    neighbours: Annotated[int, Field(ge=1)] = 5
    """k: how many samples each is tied to."""
    spread: Annotated[float, Field(ge=0, lt=1)] = 0.8
    """a: how much a sample takes from its neighbours."""
    rounds: Annotated[int, Field(ge=0)] = 20
    """How often it does."""
    alpha: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the distillation against the labels, where the teacher is never wrong on held-out labels."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """b: accuracy on held-out labels below which nothing is injected."""


class HatPlusOptions(SpreadOptions, SelectionOptions):
    """HaT-plus."""

    anchor: Annotated[float, Field(ge=0)] = 0.03
    """How strongly the sources' heads are held to the weights they came with."""
    head_steps: Annotated[int, Field(ge=0)] = 60
    """Updates of each head on the labels."""
    head_learning_rate: Positive = 0.05
    """Learning rate of their Adam."""
