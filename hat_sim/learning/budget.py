"""What work costs a device in time and memory, and the largest architecture that it can afford."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil

from hat_sim.learning.architectures import BYTES_PER_FLOAT, Description, describe, fitting
from hat_sim.learning.recipes import SourceRecipe, StudentRecipe
from hat_sim.protocol.work import Work
from hat_sim.scenario.catalogue import DeviceProfile

NS_PER_S = 10**9
INFERENCE_BATCH = 64
"""Samples that a device asks a model about at once: nothing would come out otherwise with other numbers."""


def busy_ns(profile: DeviceProfile, work: Work) -> int:
    """How long a device is busy with work, in whole nanoseconds, rounded up.

    FLOP / speed; but of a model whose architecture the profile has a time per sample for, FLOP / (FLOP of
    training on one sample) x that time: a forward pass, which is a third of them, takes a third of it.
    """
    if not profile.sample_times:
        return -(-work.flop * NS_PER_S // max(1, int(profile.speed)))
    times = {name: Fraction(repr(time)) for name, time in profile.sample_times}
    timed = {model: flop for model, flop in work.models.items() if model.architecture in times}
    by_speed = Fraction(work.flop - sum(timed.values()), max(1, int(profile.speed)))
    by_sample = sum(Fraction(flop, it.training_flop) * times[it.architecture] for it, flop in timed.items())
    return ceil((by_speed + by_sample) * NS_PER_S)


def student_flop(
    description: Description, labelled: int, pool: int, recipe: StudentRecipe, distils: bool
) -> int:
    """Work of training a student for its whole budget, on `labelled` and, if it `distils`, `pool` samples."""
    samples = min(labelled, recipe.labelled_batch) + (min(pool, recipe.pool_batch) if distils else 0)
    return recipe.epochs * recipe.steps_per_epoch * samples * description.training_flop


def most_student_flop(description: Description, recipe: StudentRecipe) -> int:
    """`student_flop` where labels and pool fill their batches."""
    return student_flop(description, recipe.labelled_batch, recipe.pool_batch, recipe, distils=True)


def target_memory(
    description: Description, recipe: StudentRecipe, held: Sequence[Description] = (), trained: int = 0
) -> int:
    """Bytes at the peak of a target's training, whose step holds both batches.

    Beside the student there are the sources' models of `held`, of which the first `trained` train as well, on
    batches of the pool. The data, and what is kept of each sample, are not counted, nor is what runs the
    training.
    """
    tuned, kept = held[:trained], held[trained:]
    asked = max((it.inference_memory(INFERENCE_BATCH) for it in kept), default=0)
    return (
        max(description.training_memory(recipe.labelled_batch + recipe.pool_batch), asked)
        + sum(it.training_memory(recipe.pool_batch) for it in tuned)
        + sum(BYTES_PER_FLOAT * it.parameters for it in kept)
    )


def source_memory(description: Description, recipe: SourceRecipe) -> int:
    """Bytes at the peak of a source, which has trained its model and is asked what it says of samples."""
    training = description.training_memory(recipe.batch_size)
    return max(training, description.inference_memory(INFERENCE_BATCH))


def largest_that_fits(
    shape: tuple[int, ...], classes: int, fits: Callable[[Description], bool]
) -> Description | None:
    """The architecture with the most parameters among those that read `shape` and fit; None if none does."""
    candidates = (describe(name, shape, classes) for name in fitting(shape))
    return max(filter(fits, candidates), key=lambda it: it.parameters, default=None)
