"""Model files: those that may be read. They are programs, so visitors of a page name none."""

from __future__ import annotations

import os
from pathlib import Path

from analytics.runtime.errors import InputError

__all__ = ["FOLDERS", "model_files", "trusted_file"]

#: Variable with the folders of trusted models. Not set: whoever names a file answers for it, as in
#: a terminal or a notebook. The page sets it, if only to nothing.
FOLDERS = "WINNOW_MODELS"
#: How the files of models end, those that are offered.
ENDINGS = (".model", ".pt", ".pth")


def _folders() -> list[Path] | None:
    told = os.environ.get(FOLDERS)
    if told is None:
        return None
    return [Path(folder).expanduser().resolve() for folder in told.split(os.pathsep) if folder]


def model_files() -> list[Path]:
    """Return the model files in the trusted folders, sorted; none where there are no such folders.

    Links in them count: whoever may put one there may put a model there.
    """
    files = (file for folder in _folders() or () for file in folder.glob("*"))
    return sorted(file for file in files if file.suffix in ENDINGS and file.is_file())


def trusted_file(text: str) -> Path:
    """Return the path of a model file that may be read.

    Parameters
    ----------
    text : str
        As it was asked for; on the page a name in one of the folders will do.

    Raises
    ------
    InputError
        If models are read from some folders only and it lies in none of them, whether or not there
        is such a file.
    """
    folders, path = _folders(), Path(text).expanduser()
    if folders is None:
        return path
    for folder in folders:
        place = Path(os.path.normpath(folder / path))
        if place.parent == folder and place.is_file():
            return place
    raise InputError(
        "a model is a program, and the page reads only those in folders that were named when it "
        "was started: winnow serve --models FOLDER",
        source=text,
    )
