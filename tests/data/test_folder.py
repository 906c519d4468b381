"""A user's folder is checked whole: every problem at once, each with its file and what would be accepted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hat_sim.data.open import open_folder
from hat_sim.errors import UserError
from hat_sim.sensors import Sensor


def write(folder: Path, domain: str, **arrays: Any) -> Path:
    """A good domain of 6 samples, with what is given instead (None leaves an array out)."""
    good: dict[str, Any] = {"x": np.arange(12, dtype=np.float32).reshape(6, 2), "y": np.array([0, 1] * 3)}
    folder.mkdir(exist_ok=True)
    path = folder / f"{domain}.npz"
    np.savez(path, **{name: value for name, value in {**good, **arrays}.items() if value is not None})
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "mine", "home")
    write(tmp_path / "mine", "work")
    return tmp_path / "mine"


def test_a_good_folder_is_read_as_it_is(folder: Path) -> None:
    dataset = open_folder(str(folder))
    assert (dataset.name, dataset.shape, dataset.classes) == ("mine", (2,), ("0", "1"))
    assert dataset.domains == ("home", "work")
    home = dataset.load("home")
    assert home.x.dtype == np.float32 and home.y.dtype == home.block.dtype == np.int64
    assert home.x.tolist()[1] == [2, 3] and home.y.tolist() == [0, 1] * 3
    assert home.block.tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(KeyError, match="away"):
        dataset.load("away")


def test_blocks_and_class_names_are_taken_where_they_are_given(folder: Path) -> None:
    write(folder, "home", block=np.array([7, 7, 7, 9, 9, 9], np.int32))
    (folder / "classes.json").write_text('["off", "on", "never seen"]')
    dataset = open_folder(folder)
    assert dataset.classes == ("off", "on", "never seen")
    assert dataset.load("home").block.tolist() == [7, 7, 7, 9, 9, 9]


@pytest.mark.parametrize("kind", ["float64", "float16", "uint8", "int32"])
def test_numbers_that_become_float32_are_accepted(folder: Path, kind: str) -> None:
    write(folder, "home", x=np.ones((6, 2), kind))
    assert open_folder(folder).load("home").x.dtype == np.float32


def test_files_that_are_no_domains_are_left_alone(folder: Path) -> None:
    (folder / "README.md").write_text("about")
    (folder / "._home.npz").write_bytes(b"left by an archiver")
    assert open_folder(folder).domains == ("home", "work")


def garbage(path: Path) -> None:
    path.write_bytes(b"not a zip")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def bare_array(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.ones(3))


def flipped(path: Path) -> None:
    """Compressed data with a wrong byte in the middle."""
    with np.load(path) as arrays:
        x = np.random.default_rng(0).standard_normal((600, 2))
        np.savez_compressed(path, x=x, y=np.tile(arrays["y"], 100))
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", [garbage, empty, truncated, bare_array, flipped])
def test_a_file_that_is_no_npz_is_named(folder: Path, spoil: Callable[[Path], None]) -> None:
    spoil(folder / "home.npz")
    with pytest.raises(UserError, match=r"mine/home\.npz: not a readable \.npz file: .*numpy\.savez"):
        open_folder(folder)


BAD_ARRAYS = [
    ({"x": None}, r"it has no array 'x' \(it has y\)"),
    ({"y": None}, r"it has no array 'y' \(it has x\)"),
    ({"blocks": np.zeros(6)}, r"unknown array 'blocks' \(x, y, block are accepted\)"),
    ({"x": np.array([None] * 6)}, r"x holds pickled objects \(.*never runs code"),
    ({"y": np.array([None] * 6)}, r"y holds pickled objects"),
    ({"x": np.ones((6, 2), complex)}, r"x is complex128 \(float32"),
    ({"x": np.full((6, 2), "a")}, r"x is <U1"),
    ({"x": np.ones(6, np.float32)}, r"x has shape \(6,\) .*\(time, channels\)"),
    ({"x": np.array(1.0)}, r"x has shape \(\)"),
    ({"x": np.ones((6, 1, 1, 1, 1))}, r"x has shape \(6, 1, 1, 1, 1\)"),
    ({"x": np.ones((6, 0))}, r"x has shape \(6, 0\)"),
    ({"x": np.ones((0, 2)), "y": np.ones(0, int)}, r"it has no samples"),
    ({"x": np.array([[0, 0]] * 4 + [[0, np.nan]] * 2)}, r"not finite in float32 at sample 4 and 1 more"),
    ({"x": np.array([[0, 0]] * 5 + [[1e300, 0]])}, r"not finite in float32 at sample 5 \("),
    ({"y": np.array([0.0, 1.0] * 3)}, r"y is float64 \(whole numbers, int64\)"),
    ({"y": np.array([True, False] * 3)}, r"y is bool"),
    ({"y": np.array([0, 1])}, r"y has shape \(2,\) \(\(6,\), one for each sample"),
    ({"y": np.zeros((6, 1), int)}, r"y has shape \(6, 1\)"),
    ({"y": np.array([0, 1, -1, 0, 1, 0])}, r"y is -1 at sample 2 \(labels count from 0\)"),
    ({"block": np.zeros(6)}, r"block is float64"),
    ({"block": np.zeros(5, int)}, r"block has shape \(5,\)"),
    ({"x": np.ones((6, 3))}, r"a sample has shape \(3,\) \(\(2,\), as in the other domains\)"),
]


@pytest.mark.parametrize(("arrays", "message"), BAD_ARRAYS, ids=[message for _, message in BAD_ARRAYS])
def test_a_wrong_array_is_reported_with_its_file(folder: Path, arrays: dict[str, Any], message: str) -> None:
    write(folder, "third")
    write(folder, "home", **arrays)
    with pytest.raises(UserError, match=r"mine/home\.npz: .*" + message) as caught:
        open_folder(folder)
    assert len(caught.value.problems) == 1


def test_pickled_objects_are_never_loaded(folder: Path, tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return Path.mkdir, (tmp_path / "it-ran",)

    write(folder, "home", y=np.array([Harmful()] * 6, object))
    with pytest.raises(UserError, match="pickled objects"):
        open_folder(folder)
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("name", ["all", "each"])
def test_a_domain_cannot_have_a_name_that_means_something_in_a_scenario(folder: Path, name: str) -> None:
    write(folder, name)
    with pytest.raises(UserError, match=f"cannot be called '{name}'.*rename the file"):
        open_folder(folder)


def test_a_label_beyond_the_names_is_reported(folder: Path) -> None:
    (folder / "classes.json").write_text('["off", "on"]')
    write(folder, "home", y=np.array([0, 1, 2] * 2))
    with pytest.raises(UserError, match=r"home\.npz: label 2 occurs \(classes\.json names 0 to 1\)"):
        open_folder(folder)


def test_labels_that_count_from_one_are_caught(folder: Path) -> None:
    for domain in ("home", "work"):
        write(folder, domain, y=np.array([1, 2] * 3))
    with pytest.raises(UserError, match=r"mine: label 2 occurs, but 0 never does \(labels count from 0"):
        open_folder(folder)


def test_one_class_is_too_few(folder: Path) -> None:
    for domain in ("home", "work"):
        write(folder, domain, y=np.zeros(6, int))
    with pytest.raises(UserError, match=r"all samples have one label \(two classes or more\)"):
        open_folder(folder)


@pytest.mark.parametrize(
    "text", ["[", '{"0": "off"}', '["off"]', '["off", "off"]', '["off", 1]', '["off", ""]', b"\xff"]
)
def test_wrong_class_names_are_reported(folder: Path, text: str | bytes) -> None:
    (folder / "classes.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r"classes\.json: not .*a JSON list of different names"):
        open_folder(folder)


def test_a_missing_and_an_empty_folder_are_reported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: there is no such folder"):
        open_folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no \.npz file in it \(one <domain>\.npz a domain\)"):
        open_folder(tmp_path)


def test_all_problems_are_reported_at_once(folder: Path) -> None:
    write(folder, "home", x=np.ones((6, 2), complex), y=np.zeros(6))
    write(folder, "work", z=np.zeros(1), y=None)
    write(folder, "away", y=np.array([0, 1, 5] * 2))
    (folder / "classes.json").write_text('["off", "on"]')
    with pytest.raises(UserError) as caught:
        open_folder(folder)
    assert [(Path(problem.where or "").name, problem.what) for problem in caught.value.problems] == [
        ("home.npz", "x is complex128"),
        ("home.npz", "y is float64"),
        ("work.npz", "it has no array 'y'"),
        ("work.npz", "it has an unknown array 'z'"),
        ("away.npz", "label 5 occurs"),
    ]


def test_a_file_spoilt_after_the_check_is_reported_when_it_is_loaded(folder: Path) -> None:
    dataset = open_folder(folder)
    garbage(folder / "home.npz")
    with pytest.raises(UserError, match=r"home\.npz: not a readable"):
        dataset.load("home")


def test_the_digest_is_of_the_content_and_not_of_the_place(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "classes.json").write_text('["0", "1"]')
    write(tmp_path / "copy", "home", x=np.arange(12.0).reshape(6, 2), block=np.arange(6))
    assert open_folder(tmp_path / "copy").digest == open_folder(folder).digest


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write(folder, "home", x=np.ones((6, 2))),
        lambda folder: write(folder, "home", y=np.array([1, 0] * 3)),
        lambda folder: write(folder, "home", block=np.zeros(6, int)),
        lambda folder: write(folder, "third"),
        lambda folder: (folder / "home.npz").rename(folder / "house.npz"),
        lambda folder: (folder / "classes.json").write_text(json.dumps(["off", "on"])),
    ],
    ids=["x", "y", "block", "domain", "name", "classes"],
)
def test_the_digest_changes_with_the_content(folder: Path, change: Callable[[Path], Any]) -> None:
    before = open_folder(folder).digest
    change(folder)
    assert open_folder(folder).digest != before


def test_sensors_are_those_of_the_file_and_part_of_the_digest(folder: Path) -> None:
    plain = open_folder(folder)
    assert plain.sensors == ()
    (folder / "sensors.json").write_text('{"heat": [1], "air": [0]}')
    dataset = open_folder(folder)
    assert dataset.sensors == (Sensor("heat", (1,)), Sensor("air", (0,)))
    assert dataset.digest != plain.digest
    (folder / "sensors.json").write_text('{"heat": [0], "air": [1]}')
    assert open_folder(folder).digest != dataset.digest


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        ("[1", "not readable as JSON", "such as"),
        ("[0, 1]", "not an object of lists of channels", "accelerometer"),
        ("{}", "not an object of lists of channels", "accelerometer"),
        ('{"heat": 0, "air": [1]}', "not an object of lists of channels", "accelerometer"),
        ('{"heat": [], "air": [0, 1]}', "not an object of lists of channels", "accelerometer"),
        ('{"heat": [0.0], "air": [1]}', "not an object of lists of channels", "accelerometer"),
        ('{"heat": [true], "air": [1]}', "not an object of lists of channels", "accelerometer"),
        ('{"heat+air": [0, 1]}', "a sensor cannot be called 'heat+air'", "letters, digits"),
        ('{"heat": [0]}', "channel 1 is of no sensor", "each channel of exactly one sensor"),
        ('{"heat": [0, 1], "air": [1]}', "channel 1 is of heat and air", "exactly one sensor"),
        ('{"heat": [0, 2], "air": [1]}', "heat has the channel 2", "channels count from 0 to 1"),
    ],
)
def test_sensors_that_make_no_sense_are_refused(folder: Path, content: str, what: str, hint: str) -> None:
    (folder / "sensors.json").write_text(content)
    with pytest.raises(UserError) as caught:
        open_folder(folder)
    [problem] = caught.value.problems
    assert problem.where == str(folder / "sensors.json")
    assert what in problem.what and hint in (problem.hint or "")
