"""A scenario file as plain Python values, with the line of every key."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from hat_sim.errors import Problem, UserError


@dataclass
class Tree:
    """The values of a scenario and where each one stands.

    `values` holds dicts, lists, text, finite numbers, booleans and None. `places` maps a dotted path
    (`sources.3.domain`) to `file:line` or to the option of the command line that set it.
    """

    values: dict[str, Any]
    places: dict[str, str] = field(default_factory=dict)

    def where(self, path: str | None) -> str | None:
        """The place of a dotted path, or of the nearest section around it that has one."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition(".")[0]
        return self.places.get("")

    def placed(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """`problems` in the order of the file, each with its place filled in where it has none."""
        rank = {place: number for number, place in reversed(list(enumerate(self.places.values())))}
        filled = [
            problem if problem.where else replace(problem, where=self.where(problem.path))
            for problem in problems
        ]
        return tuple(sorted(filled, key=lambda problem: rank.get(problem.where or "", len(rank))))


def read_tree(file: Path) -> Tree:
    """Read a scenario file; raises UserError with every problem that makes it no mapping of plain values."""
    text = _read_text(file)
    document = _parse(text, str(file))
    if document is None:
        raise UserError(Problem("the file is empty", where=str(file), hint="a scenario starts with `name:`"))
    if not isinstance(document, CommentedMap):
        raise UserError(
            Problem(
                "a scenario is a mapping of keys to values", where=f"{file}:1", hint="it starts with `name:`"
            )
        )
    reader = _PlainReader(str(file))
    values = reader.plain(document, "", 0)
    if reader.problems:
        raise UserError(reader.problems)
    return Tree(values, reader.places)


def read_value(text: str, where: str) -> Any:
    """A single YAML value from the command line, as plain values; raises UserError."""
    reader = _PlainReader(where, lines=False)
    value = reader.plain(_parse(text, where, lines=False), "", 0)
    if reader.problems:
        raise UserError(reader.problems)
    return value


def _read_text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problem = Problem("there is no such file", where=str(file))
    except IsADirectoryError:
        problem = Problem("this is a folder", where=str(file), hint="name a scenario file inside of it")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem("the file is not UTF-8 text", where=f"{file}:{line}", hint="save it as UTF-8")
    except OSError as error:
        problem = Problem(f"the file cannot be read: {error.strerror}", where=str(file))
    raise UserError(problem)


def _parse(text: str, where: str, lines: bool = True) -> Any:
    """The YAML document in `text`; raises UserError where it is not one."""
    try:
        return YAML(typ="rt").load(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}" if mark is not None and lines else where
        what = str(error.problem or error.context or "not valid YAML").partition(' with value "')[0]
    except ReaderError as error:
        line = text[: error.position].count("\n") + 1
        place = f"{where}:{line}" if lines else where
        what = "a character that YAML does not allow"
    except RecursionError:
        place, what = where, "nested too deeply"
    except (YAMLError, ValueError) as error:
        place, what = where, str(error).partition("\n")[0]
    hint = (
        "each key once"
        if what.startswith("found duplicate key")
        else "check quotes, brackets and indentation"
    )
    raise UserError(Problem(f"not valid YAML: {what}", where=place, hint=hint))


class _PlainReader:
    """Turns what ruamel.yaml made of a text into plain values, and notes places and problems on the way."""

    def __init__(self, where: str, lines: bool = True) -> None:
        self.places: dict[str, str] = {}
        self.problems: list[Problem] = []
        self._where = where
        self._lines = lines

    def plain(self, value: Any, path: str, line: int) -> Any:
        """`value`, which stands at `path` in the given line (from 0), without any type of ruamel.yaml's."""
        self.places[path] = f"{self._where}:{line + 1}" if self._lines else self._where
        if isinstance(value, CommentedMap | CommentedSeq):
            return self._collection(value, path, line)
        if isinstance(value, TaggedScalar):
            return self._refuse(path, f"the tag {value.tag.value} is not accepted", "plain YAML values only")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            if math.isfinite(value):
                return float(value)
            return self._refuse(path, f"{float(value)} is not a finite number", "a finite number")
        if isinstance(value, str):
            return str(value)
        kind = type(value).__name__.removeprefix("Scalar").lower()
        return self._refuse(path, f"a {kind} is not accepted", "put the value in quotes to make it text")

    def _collection(self, value: CommentedMap | CommentedSeq, path: str, line: int) -> Any:
        if value.tag.value is not None:
            return self._refuse(path, f"the tag {value.tag.value} is not accepted", "plain YAML values only")
        if isinstance(value, Mapping):
            return self._section(value, path, line)
        return self._list(value, path, line)

    def _section(self, value: CommentedMap, path: str, line: int) -> dict[str, Any]:
        plain = {}
        for key, item in value.items():
            there = value.lc.data[key][0] if value.lc.data and key in value.lc.data else line
            inner = f"{path}.{key}" if path else str(key)
            if not isinstance(key, str):
                self.places[inner] = f"{self._where}:{there + 1}" if self._lines else self._where
                self._refuse(inner, f"the key {key!r} is not text", "put it in quotes")
                continue
            plain[str(key)] = self.plain(item, inner, there)
        return plain

    def _list(self, value: CommentedSeq, path: str, line: int) -> list[Any]:
        lines = value.lc.data or {}
        return [
            self.plain(
                item, f"{path}.{index}" if path else str(index), lines[index][0] if index in lines else line
            )
            for index, item in enumerate(value)
        ]

    def _refuse(self, path: str, what: str, hint: str) -> None:
        self.problems.append(Problem(what, path=path or None, hint=hint, where=self.places[path]))
