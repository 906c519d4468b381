"""The student: the target's own model, trained in the same way under every method.

Each step takes the labelled samples and a batch of the pool (unlabelled and labelled together), and
minimises CE(labelled) + alpha KL(D[x] || p(x)), where D holds the fused predictions of the sources for
each sample of the pool (METHOD: adaptive injection, T = 1). The teacher's distributions are sharpened
and both batches mixed up (Zhang et al. 2018) within themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hat_sim.learning.adam import Adam
from hat_sim.learning.architectures import Description
from hat_sim.learning.models import Classifier, build
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.seeding import derive_seed


@dataclass(frozen=True)
class Pool:
    """All that the target may train on: the labelled samples first, then the unlabelled ones.

    `x` is (samples, *shape), `labels` (labelled,).
    """

    x: Tensor
    labels: Tensor

    @property
    def labelled(self) -> Tensor:
        return self.x[: len(self.labels)]


class Student:
    """A classifier in training, with its own optimizer and random stream.

    Its optimizer may train the parameters of something `beside` it as well.
    """

    def __init__(
        self,
        description: Description,
        pool: Pool,
        recipe: StudentRecipe,
        seed: int,
        beside: Iterable[nn.Parameter] = (),
    ) -> None:
        self.model: Classifier = build(description, derive_seed(seed, "student"))
        self.model.encoder.standardise.fit(pool.x)
        self.recipe = recipe
        self._inputs = self.model.encoder.standardise(pool.x)
        self._labels = nn.functional.one_hot(pool.labels, description.head.outputs).float()
        self._noise = torch.Generator().manual_seed(derive_seed(seed, "student batches"))
        trained = [*self.model.parameters(), *beside]
        self._optimizer = Adam(trained, lr=recipe.learning_rate, fused=True)
        steps = recipe.epochs * recipe.steps_per_epoch
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, steps)

    def step(self, teacher: Tensor | None, alpha: float, beside: Tensor | None = None) -> float:
        """One update; `teacher` is (pool, classes), the loss before the update is returned.

        `beside` is a loss that the update is to make smaller as well.
        A class that the teacher gives to no sample is one that no source knows: of it the labels alone tell.
        Of a sample whose row is 0 the teacher says nothing.
        """
        self.model.train()
        rows = self._draw(len(self._labels), self.recipe.labelled_batch)
        x, target = self._mix(self._inputs[rows], self._labels[rows])
        if teacher is None or alpha <= 0 or not teacher.any():
            loss = nn.functional.cross_entropy(self._logits(x), target)
        else:
            rows = self._draw(len(self._inputs), self.recipe.pool_batch)
            told = teacher.any(dim=0)
            sharp = teacher[rows][:, told] ** self.recipe.sharpening
            of_pool, taught = self._mix(
                self._inputs[rows], sharp / sharp.sum(dim=1, keepdim=True).clamp_min(1e-30)
            )
            logits = self._logits(torch.cat([x, of_pool]))  # one pass costs a quarter less than two
            log_p = nn.functional.log_softmax(logits[len(x) :][:, told], dim=1)
            loss = nn.functional.cross_entropy(logits[: len(x)], target)
            loss = loss + alpha * nn.functional.kl_div(log_p, taught, reduction="batchmean")
        self._optimizer.zero_grad(set_to_none=True)
        (loss if beside is None else loss + beside).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()
        return float(loss.detach())

    @torch.no_grad()
    def representations(self, rows: slice) -> Tensor:
        """Features (rows, width) of these rows of the pool under the current encoder."""
        return self.features(rows)

    def features(self, rows: slice) -> Tensor:
        """The same as a function of the encoder's weights, through which a loss reaches them."""
        self.model.eval()
        return self.model.encoder.tail(self._inputs[rows], 0)

    @torch.no_grad()
    def labelled_accuracy(self) -> float:
        """Accuracy on the labelled samples it trains on: a curve to look at, no estimate."""
        self.model.eval()
        predicted = self._logits(self._inputs[: len(self._labels)]).argmax(dim=1)
        return float((predicted == self._labels.argmax(dim=1)).float().mean())

    def _logits(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.model.head(self.model.encoder.tail(inputs, 0))
        return logits

    def _draw(self, samples: int, batch: int) -> Tensor:
        return torch.randperm(samples, generator=self._noise)[:batch]

    def _mix(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        if self.recipe.mixup <= 0:
            return x, target
        a = torch._standard_gamma(torch.full((2, len(x)), self.recipe.mixup), generator=self._noise)
        share = a[0] / a.sum(dim=0).clamp_min(1e-12)
        share = torch.maximum(share, 1 - share)
        other = torch.randperm(len(x), generator=self._noise)
        each, row = share.view(-1, *[1] * (x.ndim - 1)), share[:, None]
        return each * x + (1 - each) * x[other], row * target + (1 - row) * target[other]
