"""Fetch a package of npm as the file that it is; npm runs nothing of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from hat_sim.errors import UserError


def pack(requirement: str, folder: Path, hint: str) -> Path:
    """The file of `name@version` in `folder`, by `npm pack`; which registry is npm's own affair.

    Raises UserError with `hint` if there is no npm, or if it does not get the package.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise UserError(
            f"{requirement} is needed, which npm fetches, and there is no npm",
            hint=f"install Node.js, or {hint}",
        )
    command = [npm, "pack", requirement, "--ignore-scripts", "--loglevel=error", "--no-update-notifier"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    files = list(folder.glob("*.tgz"))
    if done.returncode or len(files) != 1:
        said = " ".join(done.stderr.split()) or f"it made {len(files)} files"
        raise UserError(
            f"{requirement} is needed, but npm cannot fetch it: {said[:300]}",
            hint=f"check the network and npm's configuration and run again, or {hint}",
        )
    return files[0]
