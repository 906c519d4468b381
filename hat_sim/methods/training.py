"""Training the student for its whole budget on labels and, where there is one, a fixed teacher."""

from __future__ import annotations

from torch import Tensor

from hat_sim.learning.student import Student
from hat_sim.methods.base import CurveRow, Fitted, Task
from hat_sim.protocol.effects import Progress
from hat_sim.seeding import derive_seed


def train_student(
    task: Task, purpose: str, progress: Progress, teacher: Tensor | None = None, alpha: float = 0.0
) -> Fitted:
    """A student on the stream of `purpose`; `teacher` (pool, classes) is distilled with weight `alpha`."""
    student = Student(task.description, task.pool, task.recipe, derive_seed(task.seed, purpose))
    curve = []
    for epoch in range(task.recipe.epochs):
        for _ in range(task.recipe.steps_per_epoch):
            loss = student.step(teacher, alpha)
        curve.append(CurveRow(epoch, loss, student.labelled_accuracy(), alpha=alpha))
        progress(f"epoch {epoch + 1}/{task.recipe.epochs}")
    return Fitted(student.model.eval(), curve=tuple(curve))
