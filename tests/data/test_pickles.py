"""Pickles are read by a whitelist: arrays come out, everything else is refused and not run."""

from __future__ import annotations

import codecs
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hat_sim.data.packaged import pickles


def old_pickle(value: object, protocol: int = 2) -> bytes:
    """A pickle that names numpy's internals as they were called when the datasets were made."""
    return pickle.dumps(value, protocol).replace(b"numpy._core.", b"numpy.core.")


def npy(value: object, version: tuple[int, int] = (1, 0)) -> bytes:
    stream = io.BytesIO()
    array = np.empty((), object)
    array[()] = value
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    write = (
        np.lib.format.write_array_header_1_0 if version == (1, 0) else np.lib.format.write_array_header_2_0
    )
    write(stream, header)
    return stream.getvalue() + old_pickle(array)


class Runs:
    """A pickle of this calls a function when it is loaded."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_arrays_in_containers_come_out_as_they_went_in() -> None:
    value = {"x": [np.arange(6.0).reshape(2, 3), np.arange(3)], "names": np.array(["a", "b"], object)}
    read = pickles.load(old_pickle(value), pickles.NUMPY)
    assert np.array_equal(read["x"][0], value["x"][0]) and read["x"][0].dtype == np.float64
    assert np.array_equal(read["x"][1], value["x"][1]) and read["x"][1].dtype == np.int64
    assert read["names"].tolist() == ["a", "b"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_function_that_the_pickle_names_is_refused_and_not_run(protocol: int, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    harmful = pickle.dumps(Runs(os.mkdir, str(trace)), protocol)
    with pytest.raises(pickles.RefusedPickleError, match=r"names (posix|nt)\.mkdir, which is not accepted"):
        pickles.load(harmful, pickles.NUMPY)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "name"), [("builtins", "eval"), ("numpy", "load"), ("numpy", "ndarray.dump")]
)
def test_what_is_not_on_the_list_is_refused_even_from_a_listed_module(module: str, name: str) -> None:
    frame = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name))
    with pytest.raises(pickles.RefusedPickleError, match=f"names {module}.{name}"):
        pickles.load(frame + b"\x93.", pickles.NUMPY)


def test_bytes_may_be_encoded_by_latin1_only() -> None:
    assert pickles.load(pickle.dumps(b"\xff\x00", 2), pickles.NUMPY) == b"\xff\x00"
    with pytest.raises(pickles.RefusedPickleError, match="encodes bytes as 'rot13'"):
        pickles.load(pickle.dumps(Runs(codecs.encode, "text", "rot13"), 2), pickles.NUMPY)


def test_the_object_of_an_npy_file_comes_out() -> None:
    assert np.array_equal(pickles.load_npy_object(npy({"X": [np.ones(2)]}))["X"][0], np.ones(2))


def test_the_object_of_an_npy_file_is_read_by_the_whitelist_too() -> None:
    with pytest.raises(pickles.RefusedPickleError, match="mkdir"):
        pickles.load_npy_object(npy(Runs(os.mkdir, "nowhere")))


def test_an_npy_file_of_another_make_is_refused() -> None:
    with pytest.raises(pickles.RefusedPickleError, match=r"version \(2, 0\)"):
        pickles.load_npy_object(npy({}, version=(2, 0)))
    numbers = io.BytesIO()
    np.save(numbers, np.arange(3))
    with pytest.raises(pickles.RefusedPickleError, match=r"int64 \(3,\)"):
        pickles.load_npy_object(numbers.getvalue())
