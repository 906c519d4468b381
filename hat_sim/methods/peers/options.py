"""The settings of the peers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class NoOptions(BaseModel):
    """A method without settings."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class DistillationOptions(NoOptions):
    """A method that distils its sources into the student."""

    alpha: NotNegative = 1.0
    """Weight of the distillation against the labels."""


class FineTuneOptions(NoOptions):
    """A source, fine-tuned."""

    learning_rate: Positive = 1e-3
    """Learning rate of Adam, for encoder and head."""
    steps: Annotated[int, Field(ge=1)] = 60
    """Updates on the labelled samples."""


class SelectorOptions(FineTuneOptions, DistillationOptions):
    """A score that ranks sources, and what is done with the best; the rest are settings of that."""

    top: Annotated[int, Field(ge=1)] = 3
    """How many sources are distilled; fine-tuning takes the first that knows every labelled class."""
    then: Literal["aver", "fine-tune"] = "aver"
    """What becomes of the best sources."""


class SimilarityOptions(DistillationOptions):
    """DistillWeighted."""

    power: NotNegative = 4.0
    """p: 0 weighs all sources of positive similarity the same, the higher the nearer to DistillNearest."""


class AdapterOptions(DistillationOptions):
    """AMTML-KD."""

    learning_rate: Positive = 0.01
    """Learning rate of Adam, for theta and W."""
    penalty: NotNegative = 0.1
    """Weight of the squares of theta and W, that of the authors' code."""


class DecisionOptions(DistillationOptions):
    """DECISION."""

    learning_rate: Positive = 0.01
    """Learning rate of Adam, for the weights of the sources."""
    encoder_learning_rate: Positive = 3e-4
    """Learning rate of Adam, for their encoders."""
    pseudo_labels: NotNegative = 0.3
    """Weight of the pseudo-labels against information maximisation."""


class VoteOptions(DistillationOptions):
    """The knowledge vote of KD3A."""

    gate: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Confidence above which a source has a vote."""


class StackingOptions(NoOptions):
    """Stacking."""

    inputs: Literal["features", "logits"] = "features"
    """What the probe reads of each source."""
    penalty: NotNegative = 0.01
    """Weight of the squares of the probe's weights."""
    learning_rate: Positive = 0.05
    """Learning rate of Adam."""
    steps: Annotated[int, Field(ge=1)] = 100
    """Updates on the labelled samples."""
