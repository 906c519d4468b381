"""The cache of source models: what it is given it gives back, or nothing."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hat_sim.learning import model_cache
from hat_sim.learning.architectures import describe
from hat_sim.learning.recipes import SourceRecipe

KEY = "ab" + "0" * 62
WEIGHTS = tuple(np.full((k % 3 + 1, 40), k, np.float32) for k in range(12))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HAT_SIM_CACHE", str(tmp_path))
    return tmp_path


def the_file(cache: Path) -> Path:
    (file,) = [path for path in cache.rglob("*") if path.is_file()]
    return file


def test_a_model_comes_back_bit_by_bit_and_in_order() -> None:
    """Twelve tensors, so that an order by name as text would be noticed; an accuracy of many digits."""
    model_cache.write(KEY, WEIGHTS, 1 / 3)
    found = model_cache.read(KEY)
    assert found is not None
    weights, accuracy = found
    assert accuracy == 1 / 3
    assert [w.tobytes() for w in weights] == [w.tobytes() for w in WEIGHTS]
    assert [w.shape for w in weights] == [w.shape for w in WEIGHTS]


def test_weights_that_are_no_contiguous_rows_come_back_as_they_were() -> None:
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    model_cache.write(KEY, (turned,), 1.0)
    found = model_cache.read(KEY)
    assert found is not None and np.array_equal(found[0][0], turned)


def test_a_key_that_was_never_written_gives_none() -> None:
    assert model_cache.read(KEY) is None


def test_a_file_cut_anywhere_counts_as_none(cache: Path) -> None:
    model_cache.write(KEY, WEIGHTS, 0.5)
    whole = the_file(cache).read_bytes()
    for end in range(0, len(whole), 61):
        the_file(cache).write_bytes(whole[:end])
        assert model_cache.read(KEY) is None


def test_a_file_with_a_byte_changed_counts_as_none(cache: Path) -> None:
    """In the header as in the weights: a model that is a little wrong would be worse than none."""
    model_cache.write(KEY, WEIGHTS, 0.5)
    whole = the_file(cache).read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        the_file(cache).write_bytes(bytes(damaged))
        found = model_cache.read(KEY)
        assert found is None or (all(map(np.array_equal, found[0], WEIGHTS)) and found[1] == 0.5)


def test_a_file_of_something_else_counts_as_none(cache: Path) -> None:
    from safetensors.numpy import save

    model_cache.write(KEY, WEIGHTS, 0.5)
    for other in (b"", b"{}", save({"0000": WEIGHTS[0]}), save({"0000": WEIGHTS[0]}, {"accuracy": "high"})):
        the_file(cache).write_bytes(other)
        assert model_cache.read(KEY) is None


def test_a_writer_that_was_killed_leaves_nothing_that_is_read(cache: Path) -> None:
    """Its scratch folder stays beside, and the next writer does not mind it."""
    folder = cache / "models" / KEY[:2] / ".unfinished-x"
    folder.mkdir(parents=True)
    (folder / "model").write_bytes(b"half")
    assert model_cache.read(KEY) is None
    model_cache.write(KEY, WEIGHTS, 0.5)
    assert model_cache.read(KEY) is not None


def _write_often(value: int) -> None:
    for _ in range(20):
        model_cache.write(KEY, (np.full((200, 50), value, np.float32),), float(value))


def test_of_two_writers_at_once_a_reader_sees_one_or_the_other_whole() -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_often, args=(value,)) for value in (1, 2)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        found = model_cache.read(KEY)
        if found is not None:
            (weights,), accuracy = found
            assert set(np.unique(weights)) == {accuracy}
            seen.add(accuracy)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen <= {1, 2} and model_cache.read(KEY) is not None


def test_a_key_covers_everything_that_a_model_is_a_function_of(monkeypatch: pytest.MonkeyPatch) -> None:
    description, recipe = describe("cnn-small", (64, 3), 4), SourceRecipe(20, 32)
    keys = [
        model_cache.key_of("digest", "user-1", description, recipe, 0),
        model_cache.key_of("other", "user-1", description, recipe, 0),
        model_cache.key_of("digest", "user-2", description, recipe, 0),
        model_cache.key_of("digest", "user-1", describe("gru", (64, 3), 4), recipe, 0),
        model_cache.key_of("digest", "user-1", describe("cnn-small", (64, 3), 5), recipe, 0),
        model_cache.key_of("digest", "user-1", describe("cnn-small", (65, 3), 4), recipe, 0),
        *[
            model_cache.key_of("digest", "user-1", description, replace(recipe, **change), 0)
            for change in ({"epochs": 21}, {"batch_size": 16}, {"learning_rate": 1e-3}, {"weight_decay": 0.0})
        ],
        model_cache.key_of("digest", "user-1", description, recipe, 1),
        model_cache.key_of("digest", "user-1", description, recipe, 0, (0, 1)),
        model_cache.key_of("digest", "user-1", description, recipe, 0, (0, 2)),
        model_cache.key_of("digest", "user-1", description, recipe, 0, None, (0, 1, 2)),
        model_cache.key_of("digest", "user-1", description, recipe, 0, None, (3, 4, 5)),
    ]
    monkeypatch.setattr("torch.__version__", "0.0")
    keys.append(model_cache.key_of("digest", "user-1", description, recipe, 0))
    monkeypatch.undo()
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "ABACUS")
    keys.append(model_cache.key_of("digest", "user-1", description, recipe, 0))
    monkeypatch.setattr(model_cache, "_code_digest", lambda: "changed")
    keys.append(model_cache.key_of("digest", "user-1", description, recipe, 0))
    assert len(set(keys)) == len(keys)
    monkeypatch.undo()
    assert model_cache.key_of("digest", "user-1", description, recipe, 0) == keys[0]
    assert all(len(bytes.fromhex(key)) == 32 for key in keys)
