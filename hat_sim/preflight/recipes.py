"""The recipes that a scenario gives to sources and students."""

from __future__ import annotations

from hat_sim.learning.recipes import SourceRecipe, StudentRecipe
from hat_sim.scenario.schema import Scenario


def source_recipe(scenario: Scenario) -> SourceRecipe:
    """How the scenario's sources were trained."""
    training = scenario.training
    return SourceRecipe(training.source_epochs, training.source_batch_size, training.source_rotation)


def student_recipe(scenario: Scenario) -> StudentRecipe:
    """How each method trains its student."""
    training = scenario.training
    return StudentRecipe(
        epochs=training.epochs,
        steps_per_epoch=training.steps_per_epoch,
        learning_rate=training.learning_rate,
        mixup=training.mixup,
        sharpening=training.sharpening,
    )
