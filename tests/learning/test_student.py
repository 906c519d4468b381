"""The student: what a step minimises, and what it draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hat_sim.learning.architectures import describe
from hat_sim.learning.models import weights_of
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.student import Pool, Student

PLAIN = StudentRecipe(epochs=10, steps_per_epoch=4, mixup=0, sharpening=1)
DESCRIPTION = describe("mlp-small", (4,), 3)


@pytest.fixture
def pool() -> Pool:
    """Six labelled samples and fourteen others of three heaps, and three classes."""
    dice = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    centres = 3 * torch.eye(3, 4)
    x = centres[torch.arange(20) % 3] + torch.randn(20, 4, generator=dice)
    return Pool(x, labels)


@pytest.fixture
def teacher() -> torch.Tensor:
    """What a good teacher says of each sample of the pool."""
    return torch.eye(3)[torch.arange(20) % 3] * 0.85 + 0.05


def losses(student: Student, teacher: torch.Tensor | None, alpha: float, steps: int = 40) -> list[float]:
    return [student.step(teacher, alpha) for _ in range(steps)]


@pytest.mark.parametrize("recipe", [PLAIN, StudentRecipe(epochs=10, steps_per_epoch=4)])
def test_the_loss_falls_with_and_without_a_teacher(
    pool: Pool, teacher: torch.Tensor, recipe: StudentRecipe
) -> None:
    for given, alpha in ((None, 0.0), (teacher, 1.0)):
        found = losses(Student(DESCRIPTION, pool, recipe, seed=0), given, alpha)
        assert np.mean(found[-5:]) < 0.7 * np.mean(found[:5])


def test_a_step_minimises_cross_entropy_plus_alpha_times_divergence(
    pool: Pool, teacher: torch.Tensor
) -> None:
    """Both batches hold all samples, so the loss of the first step is that of the first weights, by hand."""
    student = Student(DESCRIPTION, pool, PLAIN, seed=0)
    with torch.no_grad():
        log_p = torch.log_softmax(student.model.eval()(pool.x), dim=1)
    cross_entropy = -log_p[torch.arange(6), pool.labels].mean()
    divergence = (teacher * (teacher.log() - log_p)).sum(dim=1).mean()
    expected = float(cross_entropy + 0.7 * divergence)
    assert student.step(teacher, 0.7) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_is_sharpened(pool: Pool, teacher: torch.Tensor) -> None:
    """Power 2 on the teacher is the same as a teacher of squared and normalised distributions."""
    squared = teacher**2 / (teacher**2).sum(dim=1, keepdim=True)
    one = Student(DESCRIPTION, pool, replace(PLAIN, sharpening=2.0), seed=0)
    other = Student(DESCRIPTION, pool, PLAIN, seed=0)
    assert losses(one, teacher, 1.0, 5) == pytest.approx(losses(other, squared, 1.0, 5), rel=1e-5)


def test_a_certain_teacher_is_no_infinite_loss(pool: Pool) -> None:
    certain = torch.eye(3)[torch.arange(20) % 3]
    assert np.isfinite(losses(Student(DESCRIPTION, pool, StudentRecipe(), seed=0), certain, 1.0, 5)).all()


def test_a_class_that_the_teacher_does_not_know_is_learned_from_the_labels(pool: Pool) -> None:
    """The divergence is of the other classes among themselves, so that it pushes nothing away from it."""
    ignorant = torch.tensor([[0.7, 0.3, 0.0]]).repeat(20, 1)
    student = Student(DESCRIPTION, pool, PLAIN, seed=0)
    with torch.no_grad():
        logits = student.model.eval()(pool.x)
    log_p = torch.log_softmax(logits, dim=1)
    conditional = torch.log_softmax(logits[:, :2], dim=1)
    cross_entropy = -log_p[torch.arange(6), pool.labels].mean()
    divergence = (ignorant[:, :2] * (ignorant[:, :2].log() - conditional)).sum(dim=1).mean()
    assert student.step(ignorant, 1.0) == pytest.approx(float(cross_entropy + divergence), rel=1e-5)
    losses(student, ignorant, 1.0)
    predicted = student.model(pool.x).argmax(dim=1)
    assert predicted[[2, 5]].tolist() == [2, 2]


def test_alpha_0_is_no_teacher(pool: Pool, teacher: torch.Tensor) -> None:
    one = Student(DESCRIPTION, pool, StudentRecipe(), seed=0)
    other = Student(DESCRIPTION, pool, StudentRecipe(), seed=0)
    assert losses(one, teacher, 0.0, 5) == losses(other, None, 1.0, 5)


def test_a_student_is_a_function_of_its_seed(pool: Pool, teacher: torch.Tensor) -> None:
    """Drawing and mixing have a stream of their own, whatever torch's global generator is in."""

    def weights(seed: int) -> list[np.ndarray]:
        student = Student(DESCRIPTION, pool, StudentRecipe(), seed)
        losses(student, teacher, 1.0, 5)
        return [array.copy() for array in weights_of(student.model)]

    torch.manual_seed(1)
    one = weights(0)
    torch.manual_seed(2)
    assert all(np.array_equal(a, b) for a, b in zip(one, weights(0), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, weights(1), strict=True))


def test_the_standardiser_is_fitted_on_the_whole_pool(pool: Pool) -> None:
    student = Student(DESCRIPTION, pool, PLAIN, seed=0)
    torch.testing.assert_close(student.model.encoder.standardise.mean, pool.x.mean(dim=0))


def test_representations_are_the_features_of_the_current_encoder(pool: Pool) -> None:
    student = Student(DESCRIPTION, pool, PLAIN, seed=0)
    losses(student, None, 0.0, 3)
    found = student.representations(slice(2, 9))
    torch.testing.assert_close(found, student.model.encoder(pool.x)[2:9].detach())
    assert not found.requires_grad


def test_labelled_accuracy_counts_the_labelled_samples_alone(pool: Pool) -> None:
    student = Student(DESCRIPTION, pool, PLAIN, seed=0)
    losses(student, None, 0.0)
    predicted = student.model(pool.x)[:6].argmax(dim=1)
    assert student.labelled_accuracy() == pytest.approx(float((predicted == pool.labels).float().mean()))


def test_mixup_mixes_inputs_and_targets_in_one_share_of_at_least_a_half() -> None:
    """Samples that are their own targets show the shares: both sides of the mixture stay equal."""
    pool = Pool(torch.eye(4).repeat(8, 1), torch.arange(4).repeat(8))
    recipe = StudentRecipe(mixup=0.4)
    student = Student(describe("mlp-small", (4,), 4), pool, recipe, seed=0)
    x, target = student._mix(pool.x, pool.x)
    assert torch.equal(x, target)
    assert torch.allclose(x.sum(dim=1), torch.ones(32))
    assert (x.max(dim=1).values >= 0.5).all()
    assert (x[torch.arange(32), pool.labels] >= 0.5).all(), "the larger share is the sample's own"
    assert (x.max(dim=1).values < 1).any()


def test_of_a_sample_whose_row_is_zero_the_teacher_says_nothing(pool: Pool, teacher: torch.Tensor) -> None:
    """The divergence is over the others, divided by the whole batch."""
    student = Student(DESCRIPTION, pool, PLAIN, seed=0)
    silent = teacher.clone()
    silent[5:] = 0
    with torch.no_grad():
        log_p = torch.log_softmax(student.model.eval()(pool.x), dim=1)
    cross_entropy = -log_p[torch.arange(6), pool.labels].mean()
    divergence = (teacher * (teacher.log() - log_p)).sum(dim=1)[:5].sum() / 20
    assert student.step(silent, 0.7) == pytest.approx(float(cross_entropy + 0.7 * divergence), rel=1e-5)


def test_a_teacher_that_says_nothing_at_all_is_none(pool: Pool, teacher: torch.Tensor) -> None:
    one, other = (Student(DESCRIPTION, pool, PLAIN, seed=0) for _ in range(2))
    assert losses(one, torch.zeros_like(teacher), 1.0, steps=3) == losses(other, None, 0.0, steps=3)
