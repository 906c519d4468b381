"""A user's own data: a folder with one `<domain>.npz` for each domain, `classes.json` and `sensors.json`.

The last two are optional: they name the classes, and the sensors that channels are of.

The whole folder is read once when it is opened, and everything that is wrong with it is reported in one go.
"""

from __future__ import annotations

import json
import pickle
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.digest import dataset_digest, domain_digest
from hat_sim.data.domain import Domain
from hat_sim.errors import Problem, UserError
from hat_sim.scenario.names import PATTERN
from hat_sim.sensors import Sensors, axis_of, named, sensor_problems

SHAPES = "(features,), (time, channels) or (channels, height, width)"
RESERVED = ("all", "each")
_UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError)


@dataclass(frozen=True)
class FolderDataset:
    """A folder that was checked by `open_folder`; a process that loads one domain reads one file."""

    path: Path
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    digest: str
    sensors: Sensors = ()

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def load(self, domain: str) -> Domain:
        """One domain; KeyError if there is no such domain, UserError if its file was spoilt meanwhile."""
        if domain not in self.domains:
            raise KeyError(domain)
        loaded, problems = _read(self.path / f"{domain}.npz")
        if loaded is None:
            raise UserError(problems)
        return loaded


def open_folder(path: str | Path) -> FolderDataset:
    """Check a folder of domains and describe it; UserError with every problem, each with its file.

    A file holds `x`, numbers of shape (samples, ...), `y`, whole numbers of shape (samples,), and optionally
    `block`, whole numbers of shape (samples,), equal for samples that share time (without it each sample
    is a block of its own). Without `classes.json` the classes are the labels that occur, without
    `sensors.json` channels have no names.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(Problem("there is no such folder", where=str(folder)))
    files = sorted(file for file in folder.glob("*.npz") if not file.name.startswith("."))
    names, problems = _read_classes(folder / "classes.json")
    sensors, unsound = _read_sensors(folder / "sensors.json")
    problems += unsound
    if not files:
        problems.append(Problem("no .npz file in it", where=str(folder), hint="one <domain>.npz a domain"))

    digests: dict[str, str] = {}
    shapes: dict[Path, tuple[int, ...]] = {}
    labels: dict[Path, frozenset[int]] = {}
    for file in files:
        domain, found = _read(file)
        problems += found
        if domain is not None:
            digests[file.stem] = domain_digest(domain)
            shapes[file] = domain.x.shape[1:]
            labels[file] = frozenset(np.unique(domain.y).tolist())
    problems += _differing_shapes(shapes)
    problems += _wrong_labels(folder, labels, names)
    problems += _wrong_sensors(folder / "sensors.json", sensors, set(shapes.values()))
    if problems:
        raise UserError(problems)

    classes = names or tuple(map(str, range(1 + max(set[int]().union(*labels.values())))))
    return FolderDataset(
        path=folder,
        shape=shapes[files[0]],
        classes=classes,
        domains=tuple(file.stem for file in files),
        digest=dataset_digest(classes, digests, named(sensors or {})),
        sensors=named(sensors or {}),
    )


def _read(file: Path) -> tuple[Domain | None, list[Problem]]:
    """One domain, or None and what is wrong with its file."""
    where = str(file)
    if file.stem in RESERVED:
        hint = f"{' and '.join(RESERVED)} have a meaning in a scenario: rename the file"
        return None, [Problem(f"a domain cannot be called {file.stem!r}", where=where, hint=hint)]
    try:
        arrays, problems = _read_arrays(file)
    except _UNREADABLE as error:
        hint = "numpy.savez(path, x=x, y=y) writes one"
        return None, [Problem(f"not a readable .npz file: {error}", where=where, hint=hint)]
    if not problems:
        x = arrays["x"]
        problems = _wrong_samples(x)
        for name in sorted(arrays.keys() - {"x"}):
            problems += _wrong_integers(name, arrays[name], len(x) if x.ndim else None)
    if problems:
        return None, [Problem(problem.what, where=where, hint=problem.hint) for problem in problems]
    y = arrays["y"].astype(np.int64)
    block = arrays["block"].astype(np.int64) if "block" in arrays else np.arange(len(y), dtype=np.int64)
    return Domain(file.stem, arrays["x"].astype(np.float32), y, block), []


def _read_arrays(file: Path) -> tuple[dict[str, NDArray[Any]], list[Problem]]:
    with file.open("rb") as stream:
        archive = np.load(stream, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds one bare array")
        problems = [
            Problem(f"it has no array {name!r}", hint=f"it has {', '.join(archive.files) or 'none'}")
            for name in ("x", "y")
            if name not in archive.files
        ]
        arrays = {}
        for name in archive.files:
            if name not in ("x", "y", "block"):
                problems.append(Problem(f"it has an unknown array {name!r}", hint="x, y, block are accepted"))
                continue
            try:
                arrays[name] = archive[name]
            except ValueError as error:
                if "pickle" not in str(error):
                    raise
                hint = "a file of data never runs code here: store plain numbers"
                problems.append(Problem(f"{name} holds pickled objects", hint=hint))
    return arrays, problems


def _wrong_samples(x: NDArray[Any]) -> list[Problem]:
    if x.dtype.kind not in "fiu":
        return [Problem(f"x is {x.dtype}", hint="float32, or numbers that become float32")]
    if not 2 <= x.ndim <= 4 or 0 in x.shape[1:]:
        return [Problem(f"x has shape {x.shape}", hint=f"(samples, ...) where a sample is {SHAPES}")]
    if len(x) == 0:
        return [Problem("it has no samples")]
    with np.errstate(over="ignore"):
        finite = np.isfinite(x.astype(np.float32)).reshape(len(x), -1).all(axis=1)
    if finite.all():
        return []
    wrong = np.flatnonzero(~finite)
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return [Problem(f"x is not finite in float32 at sample {wrong[0]}{more}", hint="count samples from 0")]


def _wrong_integers(name: str, values: NDArray[Any], samples: int | None) -> list[Problem]:
    if values.dtype.kind not in "iu":
        return [Problem(f"{name} is {values.dtype}", hint="whole numbers, int64")]
    if samples is not None and values.shape != (samples,):
        return [Problem(f"{name} has shape {values.shape}", hint=f"({samples},), one for each sample")]
    negative = np.flatnonzero(values < 0)
    if name == "y" and len(negative):
        what = f"y is {values.ravel()[negative[0]]} at sample {negative[0]}"
        return [Problem(what, hint="labels count from 0")]
    return []


def _read_classes(file: Path) -> tuple[tuple[str, ...] | None, list[Problem]]:
    """The names in `classes.json` in label order, or None without such a file."""
    if not file.exists():
        return None, []
    hint = 'a JSON list of different names in label order, such as ["walking", "sitting"]'
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return None, [Problem(f"not readable as JSON: {error}", where=str(file), hint=hint)]
    if (
        not isinstance(names, list)
        or not all(isinstance(name, str) and name for name in names)
        or len(set(names)) < len(names)
        or len(names) < 2
    ):
        return None, [Problem("not a list of two or more different names", where=str(file), hint=hint)]
    return tuple(names), []


def _read_sensors(file: Path) -> tuple[dict[str, list[int]] | None, list[Problem]]:
    """The channels of each sensor in `sensors.json`, or None without such a file."""
    if not file.exists():
        return None, []
    hint = 'a JSON object of names with lists of channels, such as {"accelerometer": [0, 1, 2]}'
    try:
        sensors = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return None, [Problem(f"not readable as JSON: {error}", where=str(file), hint=hint)]
    if (
        not isinstance(sensors, dict)
        or not sensors
        or not all(isinstance(them, list) and them for them in sensors.values())
        or not all(type(channel) is int for them in sensors.values() for channel in them)
    ):
        return None, [Problem("not an object of lists of channels", where=str(file), hint=hint)]
    unfit = [name for name in sensors if not re.fullmatch(PATTERN, name)]
    if unfit:
        letters = "letters, digits, `-` and `_`, the first one a letter or a digit"
        return None, [Problem(f"a sensor cannot be called {unfit[0]!r}", where=str(file), hint=letters)]
    return sensors, []


def _wrong_sensors(
    file: Path, sensors: dict[str, list[int]] | None, shapes: set[tuple[int, ...]]
) -> list[Problem]:
    """What is wrong with sensors of samples of one shape; where shapes differ, that is told already."""
    if sensors is None or len(shapes) != 1:
        return []
    [shape] = shapes
    found = sensor_problems(sensors, shape[axis_of(shape)])
    return [Problem(it.what, where=str(file), hint=it.hint) for it in found]


def _differing_shapes(shapes: dict[Path, tuple[int, ...]]) -> list[Problem]:
    """Every file whose sample shape is not the one of most files (of the first file where they tie)."""
    found = list(shapes.values())
    usual = max(found, key=found.count, default=())
    return [
        Problem(f"a sample has shape {shape}", where=str(file), hint=f"{usual}, as in the other domains")
        for file, shape in shapes.items()
        if shape != usual
    ]


def _wrong_labels(
    folder: Path, labels: dict[Path, frozenset[int]], names: Sequence[str] | None
) -> list[Problem]:
    if not labels:
        return []
    if names is not None:
        hint = f"classes.json names 0 to {len(names) - 1}"
        return [
            Problem(f"label {max(of_file)} occurs", where=str(file), hint=hint)
            for file, of_file in labels.items()
            if max(of_file) >= len(names)
        ]
    occurring = set[int]().union(*labels.values())
    if len(occurring) < 2:
        return [Problem("all samples have one label", where=str(folder), hint="two classes or more")]
    if len(occurring) <= max(occurring):
        absent = next(label for label in range(max(occurring)) if label not in occurring)
        hint = "labels count from 0; if a class has no sample, name them all in classes.json"
        what = f"label {max(occurring)} occurs, but {absent} never does"
        return [Problem(what, where=str(folder), hint=hint)]
    return []
