"""What training costs a device in work and memory, and the largest architecture that it can afford."""

from __future__ import annotations

from collections.abc import Callable

from hat_sim.learning.architectures import Description, describe, fitting
from hat_sim.learning.recipes import SourceRecipe, StudentRecipe


def student_flop(
    description: Description, labelled: int, pool: int, recipe: StudentRecipe, distils: bool
) -> int:
    """Work of training a student for its whole budget, on `labelled` and, if it `distils`, `pool` samples."""
    samples = min(labelled, recipe.labelled_batch) + (min(pool, recipe.pool_batch) if distils else 0)
    return recipe.epochs * recipe.steps_per_epoch * samples * description.training_flop


def most_student_flop(description: Description, recipe: StudentRecipe) -> int:
    """`student_flop` where labels and pool fill their batches."""
    return student_flop(description, recipe.labelled_batch, recipe.pool_batch, recipe, distils=True)


def student_memory(description: Description, recipe: StudentRecipe) -> int:
    """Bytes at the peak of a student's training, whose step holds both batches."""
    return description.training_memory(recipe.labelled_batch + recipe.pool_batch)


def source_memory(description: Description, recipe: SourceRecipe) -> int:
    """Bytes at the peak of a source's training."""
    return description.training_memory(recipe.batch_size)


def largest_that_fits(
    shape: tuple[int, ...], classes: int, fits: Callable[[Description], bool]
) -> Description | None:
    """The architecture with the most parameters among those that read `shape` and fit; None if none does."""
    candidates = (describe(name, shape, classes) for name in fitting(shape))
    return max(filter(fits, candidates), key=lambda it: it.parameters, default=None)
