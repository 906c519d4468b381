"""Descriptions against the torch modules that are built from them."""

from __future__ import annotations

from math import prod

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hat_sim.learning.architectures import (
    ARCHITECTURES,
    FEATURES,
    IMAGES,
    SERIES,
    Conv,
    Description,
    Gru,
    Linear,
    Pool,
    describe,
    fitting,
    rank_of,
)
from hat_sim.learning.budget import largest_that_fits, most_student_flop, student_flop, target_memory
from hat_sim.learning.models import Classifier, build, load_weights, weights_of
from hat_sim.learning.recipes import StudentRecipe

SHAPES = {
    FEATURES: [(2,), (10,), (561,)],
    SERIES: [(16, 1), (128, 6), (17, 3), (100, 9)],
    IMAGES: [(1, 8, 8), (3, 32, 32), (1, 9, 13)],
}
CASES = [(name, shape) for name in ARCHITECTURES for shape in SHAPES[rank_of(name)]]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{'x'.join(map(str, case[1]))}")
def description(request: pytest.FixtureRequest) -> Description:
    name, shape = request.param
    return describe(name, shape, 5)


@pytest.fixture
def model(description: Description) -> Classifier:
    return build(description, seed=0)


def test_parameters_are_those_of_the_torch_module(description: Description, model: Classifier) -> None:
    """What is trained, and the standardiser's mean and deviation of each channel."""
    trained = sum(parameter.numel() for parameter in model.parameters())
    assert description.parameters == trained + 2 * description.channels
    assert description.parameters == sum(array.size for array in weights_of(model))


def test_weights_have_the_shapes_of_the_torch_module_in_its_order(
    description: Description, model: Classifier
) -> None:
    assert description.weights == tuple(array.shape for array in weights_of(model))
    assert description.encoder_weights == tuple(array.shape for array in weights_of(model.encoder))
    assert description.head.weights == tuple(array.shape for array in weights_of(model.head))


def test_the_module_gives_a_logit_for_each_class(description: Description, model: Classifier) -> None:
    x = torch.randn(3, *description.shape)
    features = model.encoder(x)
    assert features.shape == (3, description.width)
    assert model(x).shape == (3, 5)
    assert torch.isfinite(model(x)).all()


def test_forward_work_is_what_torch_counts(description: Description, model: Classifier) -> None:
    """Exactly, for the layers that torch's counter sees: all but pooling."""
    batch = 2
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.randn(batch, *description.shape))
    unseen = sum(block.forward_flop for block in description.encoder if isinstance(block, Pool))
    assert counter.get_total_flops() == batch * (description.forward_flop - unseen)


def test_work_of_convolution_and_pool_by_hand() -> None:
    """6 to 16 channels, 5 taps, stride 2, 128 to 64 steps; two passes over 16 channels of 64 steps."""
    convolution = Conv(6, 16, 5, 2, (128,))
    assert convolution.output_size == (64,)
    assert convolution.forward_flop == 2 * 6 * 5 * 16 * 64 == 61_440
    assert convolution.parameters == 16 * (6 * 5 + 1)
    assert Conv(1, 8, 3, 1, (8, 8)).forward_flop == 2 * 9 * 8 * 64
    assert Pool(16, (64,)).forward_flop == 2 * 16 * 64
    assert Linear(10, 4).forward_flop == 80


def test_work_of_a_recurrent_layer_is_that_of_its_gates_as_matrices() -> None:
    """The plain twin: six matrix products a step."""
    inputs, hidden, steps = 24, 48, 7
    with FlopCounterMode(display=False) as counter:
        state = torch.zeros(1, hidden)
        for _ in range(steps):
            for _ in ("reset", "update", "candidate"):
                _ = torch.zeros(1, inputs) @ torch.zeros(inputs, hidden)
                _ = state @ torch.zeros(hidden, hidden)
    assert Gru(inputs, hidden, steps).forward_flop == counter.get_total_flops() == 145_152
    assert Gru(inputs, hidden, steps).parameters == sum(
        p.numel() for p in torch.nn.GRU(inputs, hidden).parameters()
    )


def test_a_stem_and_its_tail_are_the_encoder(description: Description, model: Classifier) -> None:
    """However many blocks are frozen; and work from a block on falls with each block."""
    x = torch.randn(2, *description.shape)
    blocks = len(description.encoder)
    for frozen in range(blocks + 1):
        again = model.encoder.tail(model.encoder.stem(x, frozen), frozen)
        torch.testing.assert_close(again, model.encoder(x))
    work = [description.encode_flop(first) for first in range(blocks + 1)]
    assert work == sorted(work, reverse=True) and work[-1] == 0
    assert description.forward_flop == work[0] + description.head.forward_flop
    assert description.training_flop == 3 * description.forward_flop


def test_memory_grows_with_batch_and_covers_weights_and_activations(description: Description) -> None:
    memory = [description.training_memory(batch) for batch in (1, 2, 32)]
    assert memory == sorted(set(memory))
    assert memory[0] > 4 * 4 * description.parameters
    assert memory[1] - memory[0] >= 2 * 4 * (prod(description.shape) + description.width)


def test_activations_are_those_of_the_blocks_outputs(description: Description, model: Classifier) -> None:
    """A recurrent layer keeps more for its backward pass than it gives; all others keep what they give."""
    sizes: list[int] = []
    for block in model.encoder.blocks:
        block.register_forward_hook(lambda _, __, out: sizes.append(out.numel()))
    model(torch.randn(1, *description.shape))
    for block, size in zip(description.encoder, sizes, strict=True):
        assert block.features == size
        assert block.activations >= size if isinstance(block, Gru) else block.activations == size


def test_memory_and_parameters_grow_with_classes_and_inputs() -> None:
    for name in ARCHITECTURES:
        smaller, larger = SHAPES[rank_of(name)][:2]
        one, more = describe(name, larger, 2), describe(name, larger, 10)
        assert one.parameters < more.parameters
        assert one.training_memory(8) < more.training_memory(8)
        assert describe(name, smaller, 2).training_memory(8) < one.training_memory(8)


def test_each_kind_of_input_has_a_small_and_a_large_architecture() -> None:
    for rank, shapes in SHAPES.items():
        names = fitting(shapes[1])
        assert all(rank_of(name) == rank for name in names)
        sizes = [describe(name, shapes[1], 5).parameters for name in names]
        assert len(set(sizes)) == len(sizes) >= 2


def test_an_architecture_refuses_inputs_of_another_kind() -> None:
    with pytest.raises(ValueError, match=r"gru reads inputs of shape \(time, channels\), not \(10,\)"):
        describe("gru", (10,), 5)
    with pytest.raises(KeyError):
        describe("transformer", (10,), 5)


def test_fresh_weights_depend_on_the_seed_alone(description: Description) -> None:
    """Neither torch's global generator nor an earlier model moves them, and it is left as it was."""
    torch.manual_seed(1)
    one = weights_of(build(description, seed=3))
    state = torch.random.get_rng_state()
    other = weights_of(build(description, seed=3))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    different = weights_of(build(description, seed=4))
    assert not all((a == b).all() for a, b in zip(one, different, strict=True))


def test_weights_go_over_to_another_module_and_misfits_do_not(description: Description) -> None:
    one, other = build(description, seed=0), build(description, seed=1)
    load_weights(other, weights_of(one))
    x = torch.randn(2, *description.shape)
    assert torch.equal(one(x), other(x))
    with pytest.raises(ValueError, match="not of this architecture"):
        load_weights(other, weights_of(one)[:-1])


def test_loaded_weights_are_copies() -> None:
    description = describe("mlp", (4,), 3)
    one, other = build(description, seed=0), build(description, seed=1)
    load_weights(other, weights_of(one))
    with torch.no_grad():
        other.head.weight.zero_()
    assert one.head.weight.abs().sum() > 0


def test_the_standardiser_centres_scales_and_clips_each_channel() -> None:
    """Channel one is 1, 3 and channel two 10, 10: deviations sqrt(2 * 2/3) and the floor of 0.001."""
    model = build(describe("cnn-small", (16, 2), 2), seed=0)
    x = torch.tensor([[[1.0, 10.0]], [[3.0, 10.0]]]).repeat(1, 2, 1)
    model.encoder.standardise.fit(x)
    assert model.encoder.standardise.mean.tolist() == [2, 10]
    assert model.encoder.standardise.deviation.tolist() == pytest.approx([(4 / 3) ** 0.5, 1e-3])
    out = model.encoder.standardise(torch.tensor([[[2.0, 10.0], [2 + 2 * (4 / 3) ** 0.5, 11.0]]]))
    assert out.shape == (1, 2, 2)
    torch.testing.assert_close(out, torch.tensor([[[0.0, 2.0], [0.0, 10.0]]]))


def test_a_students_work_is_steps_times_samples_times_three_passes() -> None:
    description = describe("mlp-small", (4,), 3)
    recipe = StudentRecipe(epochs=2, steps_per_epoch=5, labelled_batch=8, pool_batch=10)
    step = 3 * 2 * (4 * 32 + 32 * 32 + 32 * 3)
    assert student_flop(description, 6, 100, recipe, distils=False) == 2 * 5 * 6 * step
    assert student_flop(description, 6, 100, recipe, distils=True) == 2 * 5 * (6 + 10) * step
    assert student_flop(description, 60, 7, recipe, distils=True) == 2 * 5 * (8 + 7) * step
    assert most_student_flop(description, recipe) == 2 * 5 * 18 * step


def test_the_largest_architecture_that_fits_has_the_most_parameters() -> None:
    shape, recipe = (128, 6), StudentRecipe()
    every = [describe(name, shape, 6) for name in fitting(shape)]
    largest = largest_that_fits(shape, 6, lambda it: True)
    assert largest is not None and largest.parameters == max(it.parameters for it in every)
    least = min(target_memory(it, recipe) for it in every)
    tight = largest_that_fits(shape, 6, lambda it: target_memory(it, recipe) <= least)
    assert tight is not None and target_memory(tight, recipe) == least
    assert largest_that_fits(shape, 6, lambda it: False) is None
