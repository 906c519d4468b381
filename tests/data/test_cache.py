"""What is written into the cache is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from hat_sim.data.cache import cache_root, publish_file, publish_folder, scratch_beside


def test_the_cache_is_in_the_home_folder_unless_the_variable_names_another(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_root() == cache
    monkeypatch.delenv("HAT_SIM_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache" / "hat_sim"


def test_a_writer_that_dies_leaves_nothing_behind(cache: Path) -> None:
    with pytest.raises(RuntimeError, match="killed"), scratch_beside(cache / "file") as scratch:
        (scratch / "half").write_text("ha")
        raise RuntimeError("killed")
    assert list(cache.iterdir()) == []


def test_of_two_writers_of_a_file_the_last_one_stays(cache: Path) -> None:
    for text in ("first", "second"):
        with scratch_beside(cache / "file") as scratch:
            (scratch / "new").write_text(text)
            publish_file(scratch / "new", cache / "file")
    assert [path.name for path in cache.iterdir()] == ["file"]
    assert (cache / "file").read_text() == "second"


def test_of_two_writers_of_a_folder_the_first_one_stays(cache: Path) -> None:
    for text in ("first", "second"):
        with scratch_beside(cache / "folder") as scratch:
            (scratch / "new").mkdir()
            (scratch / "new" / "file").write_text(text)
            publish_folder(scratch / "new", cache / "folder")
    assert [path.name for path in cache.iterdir()] == ["folder"]
    assert (cache / "folder" / "file").read_text() == "first"


def test_a_folder_that_cannot_be_put_in_place_is_an_error(cache: Path) -> None:
    with scratch_beside(cache / "folder") as scratch, pytest.raises(OSError, match="not-there"):
        publish_folder(scratch / "not-there", cache / "folder")
