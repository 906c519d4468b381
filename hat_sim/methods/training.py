"""Training the student for its whole budget on labels and, where there is one, a teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from hat_sim.learning.student import Student
from hat_sim.methods.base import CurveRow, Fitted, Task
from hat_sim.protocol.effects import Progress
from hat_sim.seeding import derive_seed

Teacher = Tensor | Callable[[Student], Tensor]
"""Distributions (pool, classes), or what gives them before each epoch, seeing how far the student is."""

TAUGHT = "aver"
"""The random stream of a student with a teacher, one for all peers: what they are taught alone differs."""


def train_student(
    task: Task, purpose: str, progress: Progress, teacher: Teacher | None = None, alpha: float = 0.0
) -> Fitted:
    """A student on the stream of `purpose`; what `teacher` says is distilled with weight `alpha`."""
    student = Student(task.description, task.pool, task.recipe, derive_seed(task.seed, purpose))
    curve = []
    for epoch in range(task.recipe.epochs):
        taught = teacher(student) if callable(teacher) else teacher
        for _ in range(task.recipe.steps_per_epoch):
            loss = student.step(taught, alpha)
        curve.append(CurveRow(epoch, loss, student.labelled_accuracy(), alpha=alpha))
        progress(f"epoch {epoch + 1}/{task.recipe.epochs}")
    return Fitted(student.model.eval(), curve=tuple(curve))


def weighed(fitted: Fitted, names: Sequence[str], weights: Tensor, fused: Tensor) -> Fitted:
    """The same with the mean of each source's weights (samples, sources) in `fused` (samples, classes).

    Over all samples, and over those that the fusion takes for each class.
    """

    def by_source(some: Tensor) -> dict[str, float]:
        return {name: float(mean) for name, mean in zip(names, some.mean(dim=0), strict=True)}

    taken_for = fused.argmax(dim=1)
    means = {label: by_source(weights[taken_for == label]) for label in set(taken_for.tolist())}
    by_class = {name: {label: mean[name] for label, mean in means.items()} for name in names}
    return replace(fitted, weights=by_source(weights), class_weights=by_class)
