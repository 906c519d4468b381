"""The settings of HaT and its controls, with ranges; the defaults are those of `scenarios/hapt.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hat_sim.scenario.names import refuse

Positive = Annotated[float, Field(gt=0)]


class SelectionOptions(BaseModel):
    """How HaT chooses sources."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    eta: Annotated[float, Field(ge=0, le=1)] = 0.6
    """How much coarse selection keeps: a fraction of the fleet, or a floor of similarity."""
    eta_means: Literal["fraction", "floor"] = "fraction"
    """Whether eta is the fraction of the sources that is kept or the least similarity of one."""
    similarity: Literal["cosine", "euclidean", "correlation"] = "cosine"
    """How the statistics of two domains are compared."""
    top: Annotated[int, Field(ge=1)] = 3
    """N_p: how many sources fine selection chooses and the target fetches."""
    fine_space: Literal["reference", "encoder", "logit"] = "reference"
    """The space of the class centroids: a shared random encoder, each source's own, or its model's output."""
    coverage: Annotated[float, Field(ge=0)] = 0.1
    """How much a source is worth that knows all of the target's classes where none chosen before it does."""
    reference_width: Annotated[int, Field(ge=2, le=4096, multiple_of=2)] = 128
    """Features of the reference encoder."""

    @model_validator(mode="after")
    def _a_floor_has_a_scale(self) -> Self:
        if self.eta_means == "floor" and self.similarity == "euclidean":
            raise refuse(
                "a floor between 0 and 1 means nothing to a negative distance", "cosine or correlation"
            )
        return self


class FusionOptions(BaseModel):
    """How HaT fuses the sources it has, and distils them."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    attention: Literal["attention", "equal"] = "attention"
    """Weights learned for each sample, or equal ones as a control."""
    attention_width: Annotated[int, Field(ge=1)] = 16
    """d: width of queries and keys."""
    temperature: Positive = 5.0
    """tau: the higher, the nearer are the weights to equal ones."""
    anchor: Annotated[float, Field(ge=0)] = 0.03
    """How strongly the sources' heads are held to the weights they came with."""
    unfrozen_blocks: Annotated[int, Field(ge=0)] = 0
    """How many of the last blocks with parameters of each source encoder train; 0 freezes encoders whole."""
    dictionary: Literal["best", "latest"] = "best"
    """Whether the dictionary keeps the best fusion so far or, as a control, takes every one."""
    injection: Literal["adaptive", "full"] = "adaptive"
    """alpha by the mixer's accuracy or, as a control, 1 whatever it is."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """b: mixer accuracy below which nothing is injected."""
    gate: Literal["training", "held_out"] = "training"
    """Mixer accuracy on the labels it trains on, or on one label a class kept from it."""
    mixer_learning_rate: Positive = 0.02
    """Learning rate of the mixer's optimizer."""
    training: Literal["joint", "sequential"] = "joint"
    """Mixer and student side by side or, as a control, the student once the mixer stands."""
    optimizer: Literal["separate", "one"] = "separate"
    """An optimizer for each or, as a control, the student's for the sum of both losses."""

    @model_validator(mode="after")
    def _one_optimizer_trains_both_at_once(self) -> Self:
        if self.optimizer == "one" and self.training == "sequential":
            raise refuse("one optimizer cannot train one after the other", "separate, or training: joint")
        return self


class HatOptions(FusionOptions, SelectionOptions):
    """HaT as described in arXiv 2412.04060, where it is open by the formulas marked as ours."""


class RandomOptions(FusionOptions):
    """HaT with a random choice in place of selection."""

    top: Annotated[int, Field(ge=1)] = 3
    """N_p: how many sources are drawn and fetched."""
