"""digits: images are drawn and dealt to cameras first, and only then spoilt."""

from __future__ import annotations

import numpy as np
import pytest

from hat_sim.data.packaged import digits
from hat_sim.data.packaged.catalogue import DIGITS
from hat_sim.data.packaged.faults import FAULTS, blurred, exposed, rotated
from hat_sim.data.packaged.strokes import draw
from hat_sim.seeding import generator


def table(columns: int, most: int, rows: int = 1200) -> bytes:
    """Distinct rows of numbers, with the classes in turn."""
    rng = np.random.default_rng(0)
    cells = np.column_stack([rng.integers(0, most + 1, (rows, columns)), np.arange(rows) % 10])
    return "\n".join(", ".join(map(str, row)) for row in cells).encode()


def test_domains_are_cameras_in_the_order_of_the_catalogue() -> None:
    made = list(digits.prepare(table(64, 16), table(16, 100)))
    assert tuple(domain.name for domain in made) == DIGITS.domains
    assert tuple(DIGITS.domains) == tuple(
        f"{kind}-{it}" for kind in ("optdigits", "pendigits") for it in FAULTS
    )
    for domain in made:
        assert domain.x.shape[1:] == DIGITS.shape and domain.x.dtype == np.float32
        assert domain.x.min() >= 0 and domain.x.max() <= 1
        assert np.bincount(domain.y).tolist() == [20] * 10
        assert len(set(domain.block.tolist())) == len(domain.y)


def test_it_is_made_the_same_again() -> None:
    one, again = (list(digits.prepare(table(64, 16), table(16, 100))) for _ in range(2))
    assert all(np.array_equal(left.x, right.x) for left, right in zip(one, again, strict=True))


def test_each_image_is_dealt_once_at_most_and_each_hand_has_as_many_of_each_class() -> None:
    labels = np.repeat(np.arange(10), np.arange(600, 610))
    hands = digits.deal(labels, 6)
    dealt = np.concatenate(hands)
    assert len(set(dealt.tolist())) == len(dealt)
    assert all(np.bincount(labels[hand]).tolist() == [digits.PER_CLASS] * 10 for hand in hands)


def test_a_stroke_is_ink_where_the_pen_went() -> None:
    upwards, rightwards = draw(np.array([[[0.5, 0], [0.5, 1.0]], [[0.0, 1], [1.0, 1]]]))
    assert upwards[:, 3:5].min() > 0 and upwards[:, [0, 1, 2, 5, 6, 7]].max() == 0
    assert rightwards[0].min() > 0 and rightwards[1:].max() == 0


def test_a_pen_that_stays_makes_a_dot() -> None:
    [dot] = draw(np.full((1, 8, 2), 0.5))
    assert dot[3:5, 3:5].min() > 0 and dot.sum() == dot[3:5, 3:5].sum()


def test_many_images_are_drawn_as_each_alone() -> None:
    points = np.random.default_rng(1).random((501, 8, 2))
    assert np.array_equal(draw(points)[500], draw(points[500:])[0])


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (-90, -1), (180, 2)])
def test_quarter_turns_move_pixels(degrees: float, turns: int) -> None:
    images = np.random.default_rng(0).random((3, 8, 8))
    assert np.allclose(rotated(images, degrees), np.rot90(images, turns, axes=(1, 2)))


def test_turning_brings_black_corners() -> None:
    turned = rotated(np.ones((1, 8, 8)), 45)
    assert turned[0, 0, 0] == 0 and turned[0, 4, 4] == 1


def test_a_blur_spreads_a_point_and_keeps_its_sum() -> None:
    point = np.zeros((1, 9, 9))
    point[0, 4, 4] = 1
    spread = blurred(point, 1.0)[0]
    assert spread.sum() == pytest.approx(1) and np.allclose(spread, spread.T)
    assert 0.15 < spread[4, 4] < 0.17


def test_a_sensor_has_whole_levels_between_black_and_white() -> None:
    assert exposed(np.array([-1.0, 0.5, 2.0])).tolist() == [0, 128 / 255, 1]


def test_every_fault_but_none_changes_images() -> None:
    images = np.random.default_rng(0).random((2, 8, 8))
    changed = {
        name: not np.allclose(spoil(images, generator(0, "test")), images) for name, spoil in FAULTS.items()
    }
    assert changed == {name: name != "clean" for name in FAULTS}
