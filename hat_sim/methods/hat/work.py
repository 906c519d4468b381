"""The work of HaT's selection and joint training, from descriptions of models alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hat_sim.learning.architectures import Description
from hat_sim.learning.budget import student_flop
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.work import reference_flop
from hat_sim.methods.asks import Reads
from hat_sim.methods.base import Task
from hat_sim.methods.hat.options import FusionOptions
from hat_sim.protocol.work import Work
from hat_sim.sensors import Places, shape_taken


def spaces_of(shortlist: Iterable[str], reads: Reads) -> tuple[Places | None, ...]:
    """The channels of each reference encoder that the shortlist needs; that for all, where it is empty."""
    return tuple(dict.fromkeys(reads.get(name) for name in shortlist)) or (None,)


def spaces_flop(task: Task, spaces: Sequence[Places | None], width: int) -> int:
    """All samples through each of these encoders."""
    shapes = (shape_taken(task.description.shape, places) for places in spaces)
    return sum(reference_flop(len(task.samples), shape, width) for shape in shapes)


def joint_flop(
    student: Description,
    sources: Sequence[Description],
    labelled: int,
    samples: int,
    recipe: StudentRecipe,
    options: FusionOptions,
) -> Work:
    """Frozen parts once over the pool; each step mixer and student; each epoch a look at the pool.

    `samples` are those of the pool, the `labelled` ones among them. What the student's encoder says of a
    sample is asked for anew as it learns, but only once where the mixer has been trained before it.
    """
    encode = student.encoding()
    query = 2 * student.width * options.attention_width
    once, each_step, each_epoch = Work(0), Work(labelled * 3 * query), Work(samples * query)
    for it in sources:
        tail = it.encoding(it.frozen_blocks(options.unfrozen_blocks))
        once += samples * it.encoding()
        mixing = tail + it.passes(it.head.forward_flop) + 2 * it.width * options.attention_width
        each_step += labelled * 3 * mixing
        each_epoch += samples * mixing
    if options.training == "sequential":
        once += samples * encode
    else:
        each_step += labelled * encode * (3 if options.optimizer == "one" else 1)
        each_epoch += samples * encode
    training = recipe.epochs * (recipe.steps_per_epoch * each_step + each_epoch)
    return once + training + student.passes(student_flop(student, labelled, samples, recipe, distils=True))
