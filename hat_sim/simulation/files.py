"""Files of the folders that we write: they appear whole, and say in their first line whose they are."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from hat_sim.errors import UserError


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in its place at once."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def write_json(path: Path, content: Any) -> None:
    write_whole(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_rows(path: Path, content: Mapping[str, Any], rows: str) -> None:
    """JSON of which the list `rows` comes last and has a line for each of its items."""
    head = {key: value for key, value in content.items() if key != rows}
    lines = ",\n".join(json.dumps(it, separators=(",", ":"), allow_nan=False) for it in content[rows])
    start = json.dumps(head | {rows: []}, allow_nan=False).removesuffix("]}")
    write_whole(path, f"{start}\n{lines}\n]}}\n".encode())


def write_yaml(path: Path, header: str, content: Mapping[str, Any]) -> None:
    """A YAML file below a first line `header`."""
    text = io.StringIO()
    YAML().dump(dict(content), text)
    write_whole(path, f"{header}\n{text.getvalue()}".encode())


def write_table(path: Path, table: pa.Table) -> None:
    """A Parquet file, in which no flipped byte goes unnoticed."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    write_whole(path, sink.getvalue().to_pybytes())


def write_parts(path: Path, schema: pa.Schema, parts: Iterable[pa.Table]) -> None:
    """The same from part after part, so that they are never all in memory; each is a row group."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with pq.ParquetWriter(unfinished, schema, compression="zstd", write_page_checksum=True) as writer:
        for part in parts:
            writer.write_table(part)
    unfinished.replace(path)


def read_table(path: Path, hint: str) -> pa.Table:
    """A table of `write_table`; UserError with this hint where it is missing or damaged."""
    try:
        return pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error, hint) from None


def read_header(path: Path, pattern: re.Pattern[str], schema: int) -> re.Match[str] | None:
    """The first line of a file, if it is of `pattern`, whose first group is the version of the format.

    UserError where that is another than `schema`.
    """
    try:
        with path.open(encoding="utf-8") as file:
            match = pattern.fullmatch(file.readline())
    except (OSError, UnicodeDecodeError):
        return None
    if match is not None:
        check_version(path.parent, int(match[1]), schema)
    return match


def check_version(folder: Path, found: object, known: int) -> None:
    """UserError where a folder is of another version of its format than the one known."""
    if found != known:
        raise UserError(
            f"{folder} was made by another version of hat-sim: its format is {found}, this one knows {known}",
            hint="use the version that made it",
        )


def make_folder(path: Path) -> None:
    """UserError where a folder for results cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"{path} cannot be made: {error.strerror}"
        raise UserError(what, hint="name another folder with --out") from None


def is_empty(path: Path) -> bool:
    """Whether nothing is there; UserError where a file is in the way."""
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file", hint="name a folder")
    return not path.exists() or not any(path.iterdir())


def unreadable(file: Path, why: object, hint: str) -> UserError:
    return UserError(f"{file} cannot be read: {why}", hint=hint)
