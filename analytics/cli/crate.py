"""RO-Crate metadata of an exported subset: its files, from what and by what they were made.

References
----------
.. [1] RO-Crate Metadata Specification 1.1, doi:10.5281/zenodo.7867028: root entity, files as parts,
   provenance of files as a `CreateAction` with object, instrument and result.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analytics.recipe import Recipe
from analytics.runtime.versions import version_of
from analytics.runtime.writing import write_files

__all__ = ["CRATE", "write_crate"]

#: The name that the specification asks for, in the folder that it describes.
CRATE = "ro-crate-metadata.json"
CONTEXT = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "https://schema.org/sha256"}]
SAID = {
    "kept": "The structures that are kept, with their original indices",
    "rest": "The structures that are left",
    "recipe": "The recipe: input, settings and indices; winnow replay runs it again",
}
MEDIA = {".xyz": "chemical/x-xyz", ".json": "application/json", ".gz": "application/gzip"}

Entity = dict[str, Any]


def write_crate(
    recipe: Recipe, written: Mapping[str, str | None], *, licence: str | None, force: bool
) -> str:
    """Write the metadata beside the files of a selection and return where.

    Parameters
    ----------
    recipe : Recipe
    written : mapping of str to str
        Paths by what they hold, as `analytics.cli.subset.write_subset_files` gives them.
    licence : str, optional
        Address of the licence of the subset.
    force : bool
        Replace metadata that exist.
    """
    files = {what: Path(path).absolute() for what, path in written.items() if path is not None}
    folder = files["kept"].parent  # a recipe elsewhere is no part of it
    files = {what: path for what, path in files.items() if path.is_relative_to(folder)}
    entities = [entity for what, path in files.items() for entity in _parts(what, path, folder)]
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    content = {"@context": CONTEXT, "@graph": [*_head(recipe, entities, licence, now), *entities]}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    target = Path(str(written["kept"])).parent / CRATE
    write_files({target: lambda out: out.write(text.encode())}, force=force)
    return str(target)


def _head(
    recipe: Recipe, entities: list[Entity], licence: str | None, now: str
) -> Iterator[Entity]:
    source, parts = recipe.to_dict()["input"], [{"@id": each["@id"]} for each in entities]
    yield {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{len(recipe.kept)} structures of {source['name']}",
        "description": f"Selected by {recipe.method} with Winnow; labels are those of the source.",
        "datePublished": now[:10],
        "hasPart": parts,
        "mentions": {"@id": "#selection"},
    }
    if licence is not None:
        root["license"] = {"@id": licence}
        yield {"@id": licence, "@type": "CreativeWork", "name": licence}
    yield root
    yield {
        "@id": "#selection",
        "@type": "CreateAction",
        "name": f"Selection by {recipe.method}, seed {recipe.seed}",
        "endTime": now,
        "object": {"@id": "#source"},
        "instrument": {"@id": "#winnow"},
        "result": parts,
    }
    yield {
        "@id": "#source",
        "@type": "CreativeWork",
        "name": source["name"],
        "identifier": f"winnow-fingerprint:{recipe.fingerprint}",
    }
    yield {
        "@id": "#winnow",
        "@type": "SoftwareApplication",
        "name": "Winnow",
        "softwareVersion": version_of("winnow-atomistic"),
    }


def _parts(what: str, path: Path, folder: Path) -> Iterator[Entity]:
    """Yield a file, or those of a folder, with size and digest."""
    for file in sorted(each for each in path.rglob("*") if each.is_file()) or [path]:
        content = file.read_bytes()
        entity: Entity = {
            "@id": file.relative_to(folder).as_posix(),
            "@type": "File",
            "name": file.name,
            "description": SAID[what],
            "contentSize": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        if file.suffix in MEDIA:
            entity["encodingFormat"] = MEDIA[file.suffix]
        yield entity
