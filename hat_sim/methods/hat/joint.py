"""Joint training: the mixer and the student, side by side, each with an optimizer of its own.

Each step runs the encoders forward, updates the mixer on the labels and the student on labels and
dictionary; after each epoch the mixer's predictions are offered to the dictionary. What is frozen is
encoded once before the first step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hat_sim.learning.adam import Adam
from hat_sim.learning.architectures import Description
from hat_sim.learning.budget import student_flop
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.source_model import SourceModel
from hat_sim.learning.student import Pool, Student
from hat_sim.methods.base import CurveRow, Fitted
from hat_sim.methods.hat.injection import KnowledgeDictionary, injection_weight
from hat_sim.methods.hat.mixer import AdaptedSource, AttentionMixer
from hat_sim.methods.hat.options import FusionOptions
from hat_sim.methods.training import weighed
from hat_sim.protocol.effects import Progress
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

    def flop(self) -> int:
        """Frozen parts once over the pool; each step mixer and student; each epoch a look at the pool."""
        labelled, samples, steps = len(self.pool.labels), len(self.pool.x), self.recipe.steps_per_epoch
        once = each_step = each_epoch = 0
        for source in self.sources:
            it = source.model.description
            tail = it.encode_flop(it.frozen_blocks(self.options.unfrozen_blocks))
            once += samples * it.encode_flop()
            mixing = tail + it.head.forward_flop + 2 * it.width * self.options.attention_width
            each_step += labelled * 3 * mixing
            each_epoch += samples * mixing
        query = 2 * self.description.width * self.options.attention_width
        each_step += labelled * (self.description.encode_flop() + 3 * query)
        each_epoch += samples * (self.description.encode_flop() + query)
        training = self.recipe.epochs * (steps * each_step + each_epoch)
        return once + training + student_flop(self.description, labelled, samples, self.recipe, distils=True)

    def __call__(self, progress: Progress) -> Fitted:
        student = Student(self.description, self.pool, self.recipe, self.seed)
        mixer = self._mixer()
        optimizer = Adam(
            [p for p in mixer.parameters() if p.requires_grad], lr=self.options.mixer_learning_rate
        )
        dictionary = KnowledgeDictionary(takes_all=self.options.dictionary == "latest")
        labels = self.pool.labels
        trained, gate = self._gate_rows()
        everything, labelled = slice(0, len(self.pool.x)), slice(0, len(labels))
        curve: list[CurveRow] = []
        weights = torch.empty(0)
        taken: list[NDArray[np.int64]] = []
        for epoch in range(self.recipe.epochs):
            alpha = self._alpha(dictionary)
            for _ in range(self.recipe.steps_per_epoch):
                fused, _ = mixer(student.representations(labelled), labelled)
                loss = mixer.loss(fused[trained], labels[trained], self.options.anchor)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                student_loss = student.step(dictionary.predictions, alpha)
            with torch.no_grad():
                fused, weights = mixer(student.representations(everything), everything)
            taken.append(self._unlabelled(fused))
            stored = dictionary.offer(fused, fused[gate], labels[gate])
            accuracy = float((fused[gate].argmax(dim=1) == labels[gate]).float().mean())
            curve.append(
                CurveRow(
                    epoch=epoch,
                    student_loss=student_loss,
                    labelled_accuracy=student.labelled_accuracy(),
                    mixer_loss=float(loss.detach()),
                    mixer_accuracy=accuracy,
                    alpha=alpha,
                    stored=stored,
                )
            )
            progress(f"epoch {epoch + 1}/{self.recipe.epochs}, mixer {accuracy:.2f}, alpha {alpha:.2f}")
        with torch.no_grad():
            equally = mixer.equally(everything)
        fitted = Fitted(
            student.model.eval(),
            curve=tuple(curve),
            fused=tuple(taken),
            fused_equally=self._unlabelled(equally),
        )
        return weighed(fitted, [source.name for source in self.sources], weights, fused)

    def _alpha(self, dictionary: KnowledgeDictionary) -> float:
        if self.options.injection == "full":
            return 0.0 if dictionary.predictions is None else 1.0
        return injection_weight(dictionary.accuracy, self.options.threshold)

    def _unlabelled(self, fused: Tensor) -> NDArray[np.int64]:
        """The class that fused distributions (pool, classes) take each unlabelled sample for."""
        found: NDArray[np.int64] = fused[len(self.pool.labels) :].argmax(dim=1).numpy()
        return found

    def _mixer(self) -> AttentionMixer:
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

    def _gate_rows(self) -> tuple[Tensor, Tensor]:
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
