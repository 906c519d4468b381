"""Joint training: the mixer and the student, side by side, each with an optimizer of its own.

Each step runs the encoders forward, updates the mixer on the labels and the student on labels and
dictionary; after each epoch the mixer's predictions are offered to the dictionary. What is frozen is
encoded once before the first step. Two controls: one optimizer for both, and the one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.architectures import Description
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.source_model import SourceModel
from hat_sim.learning.student import Pool, Student
from hat_sim.methods.base import CurveRow, Fitted
from hat_sim.methods.hat.injection import KnowledgeDictionary, injection_weight
from hat_sim.methods.hat.mixer import AdaptedSource, AttentionMixer
from hat_sim.methods.hat.options import FusionOptions
from hat_sim.methods.hat.work import joint_flop
from hat_sim.methods.training import weighed
from hat_sim.protocol.effects import Progress
from hat_sim.protocol.work import Work
from hat_sim.seeding import derive_seed


@dataclass(frozen=True)
class JointTraining:
    """All that joint training needs; `flop` declares its work and calling it does the work."""

    description: Description
    pool: Pool
    sources: Sequence[SourceModel]
    options: FusionOptions
    recipe: StudentRecipe
    seed: int

    def flop(self) -> Work:
        """The work that `joint_flop` counts."""
        sources = [source.model.description for source in self.sources]
        labelled, samples = len(self.pool.labels), len(self.pool.x)
        return joint_flop(self.description, sources, labelled, samples, self.recipe, self.options)

    def __call__(self, progress: Progress) -> Fitted:
        mixing = Mixing(self)
        beside = mixing.parameters if self.options.optimizer == "one" else ()
        student = Student(self.description, self.pool, self.recipe, self.seed, beside)
        train = self._side_by_side if self.options.training == "joint" else self._one_after_the_other
        curve = tuple(train(student, mixing, progress))
        fitted = Fitted(
            student.model.eval(),
            curve=curve,
            fused=tuple(mixing.taken),
            fused_equally=mixing.taken_equally(),
        )
        return weighed(fitted, [source.name for source in self.sources], mixing.weights, mixing.fused)

    def _side_by_side(self, student: Student, mixing: Mixing, progress: Progress) -> Iterator[CurveRow]:
        """Each step updates both: by an optimizer each or, where there is one, for the sum of their losses.

        Where there is one the mixer's loss reaches the student's encoder as well, by its queries.
        """
        for epoch in range(self.recipe.epochs):
            alpha = self._alpha(mixing.dictionary)
            for _ in range(self.recipe.steps_per_epoch):
                taught = mixing.dictionary.predictions
                if self.options.optimizer == "one":
                    loss = mixing.loss(student.features(mixing.labelled))
                    student_loss, mixer_loss = student.step(taught, alpha, loss), float(loss.detach())
                else:
                    mixer_loss = mixing.step(student.representations(mixing.labelled))
                    student_loss = student.step(taught, alpha)
            look = mixing.look(student.representations(mixing.everything), mixer_loss)
            yield self._row(epoch, student, student_loss, look, alpha)
            progress(f"epoch {epoch + 1}/{self.recipe.epochs}, mixer {look.accuracy:.2f}, alpha {alpha:.2f}")

    def _one_after_the_other(
        self, student: Student, mixing: Mixing, progress: Progress
    ) -> Iterator[CurveRow]:
        """The mixer for its whole budget, asked by the student as it starts; then the student for its own.

        A row of the curve holds an epoch of either.
        """
        queries = student.representations(mixing.everything)
        looks = []
        for epoch in range(self.recipe.epochs):
            for _ in range(self.recipe.steps_per_epoch):
                mixer_loss = mixing.step(queries[mixing.labelled])
            looks.append(mixing.look(queries, mixer_loss))
            progress(f"mixer, epoch {epoch + 1}/{self.recipe.epochs}: {looks[-1].accuracy:.2f}")
        alpha = self._alpha(mixing.dictionary)
        for epoch, look in enumerate(looks):
            for _ in range(self.recipe.steps_per_epoch):
                student_loss = student.step(mixing.dictionary.predictions, alpha)
            yield self._row(epoch, student, student_loss, look, alpha)
            progress(f"student, epoch {epoch + 1}/{self.recipe.epochs}, alpha {alpha:.2f}")

    @staticmethod
    def _row(epoch: int, student: Student, student_loss: float, look: Look, alpha: float) -> CurveRow:
        return CurveRow(
            epoch=epoch,
            student_loss=student_loss,
            labelled_accuracy=student.labelled_accuracy(),
            mixer_loss=look.loss,
            mixer_accuracy=look.accuracy,
            alpha=alpha,
            stored=look.stored,
        )

    def _alpha(self, dictionary: KnowledgeDictionary) -> float:
        if self.options.injection == "full":
            return 0.0 if dictionary.predictions is None else 1.0
        return injection_weight(dictionary.accuracy, self.options.threshold)

    def mixer(self) -> AttentionMixer:
        """A fresh mixer of the sources, on the target's pool."""
        adapted = [AdaptedSource(s, self.pool.x, self.options.unfrozen_blocks) for s in self.sources]
        return AttentionMixer(
            adapted,
            [source.classes for source in self.sources],
            self.description.head.outputs,
            self.description.width,
            self.options.attention_width,
            self.options.temperature,
            self.options.attention,
            derive_seed(self.seed, "mixer"),
        )

    def gate_rows(self) -> tuple[Tensor, Tensor]:
        """Rows of the labelled samples that the mixer trains on, and those that judge it.

        Of a class that no source knows the mixer cannot learn, but it is judged by it: in the pool the
        dictionary is wrong about such samples, too.
        """
        labels = self.pool.labels
        known = torch.tensor(sorted({label for source in self.sources for label in source.classes}))
        told, rows = torch.isin(labels, known), torch.arange(len(labels))
        earlier = torch.tril(labels[:, None] == labels[None, :], diagonal=-1).any(dim=1)
        held_out = ~earlier & (torch.bincount(labels)[labels] > 1)
        if self.options.gate == "training" or not held_out.any():
            return rows[told], rows
        return rows[told & ~held_out], rows[held_out]


@dataclass(frozen=True)
class Look:
    """How an epoch of the mixer ended: its last loss, its accuracy at the gate, whether it was stored."""

    loss: float
    accuracy: float
    stored: bool


class Mixing:
    """The mixer in training: its optimizer, its dictionary, and what it takes the pool for.

    `fused` (pool, classes) and `weights` (pool, sources) are those of the last look at the pool; `taken`
    holds for each look the class that each unlabelled sample was taken for.
    """

    def __init__(self, training: JointTraining) -> None:
        options = training.options
        self._labels = training.pool.labels
        self._trained, self._gate = training.gate_rows()
        self._anchor = options.anchor
        self._mixer = training.mixer()
        self._optimizer = Adam(self.parameters, lr=options.mixer_learning_rate)
        self.everything, self.labelled = slice(0, len(training.pool.x)), slice(0, len(self._labels))
        self.dictionary = KnowledgeDictionary(takes_all=options.dictionary == "latest")
        self.fused = self.weights = torch.empty(0)
        self.taken: list[NDArray[np.int64]] = []

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What of the mixer and of the sources is not frozen."""
        return [it for it in self._mixer.parameters() if it.requires_grad]

    def loss(self, queries: Tensor) -> Tensor:
        """The mixer's loss on the labels that it trains on, asked by (labelled, width)."""
        fused, _ = self._mixer(queries, self.labelled)
        return self._mixer.loss(fused[self._trained], self._labels[self._trained], self._anchor)

    def step(self, queries: Tensor) -> float:
        """One update by the mixer's own optimizer; the loss before it."""
        loss = self.loss(queries)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return float(loss.detach())

    @torch.no_grad()
    def look(self, queries: Tensor, loss: float) -> Look:
        """Fuse the whole pool, asked by (pool, width), and offer that to the dictionary."""
        self.fused, self.weights = self._mixer(queries, self.everything)
        self.taken.append(self._unlabelled(self.fused))
        at_gate, truth = self.fused[self._gate], self._labels[self._gate]
        stored = self.dictionary.offer(self.fused, at_gate, truth)
        return Look(loss, float((at_gate.argmax(dim=1) == truth).float().mean()), stored)

    @torch.no_grad()
    def taken_equally(self) -> NDArray[np.int64]:
        """What equal weights of the same sources take the unlabelled samples for."""
        return self._unlabelled(self._mixer.equally(self.everything))

    def _unlabelled(self, fused: Tensor) -> NDArray[np.int64]:
        """The class that fused distributions (pool, classes) take each unlabelled sample for."""
        found: NDArray[np.int64] = fused[len(self._labels) :].argmax(dim=1).numpy()
        return found
