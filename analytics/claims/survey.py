"""Survey: published claims over many data sets, unattended and resumable.

Each set's answers are written to ``sets/NAME.json`` when they are there; a later run skips what was
answered for the same files by the same code with the same settings. A set that fails is one line.
``errors.jsonl`` has a line for each trained potential and test: `set`, `kind`, `split` ("random",
"high_force" or "class:NAME"), `test` ("" for what the split holds out, else a file), `resample`,
`method`, `budget`, `n_structures`, `n_environments`, `energy_rmse_mev_atom`, `force_rmse_ev_a`, and
`energy_ratio` and `force_ratio` to a random selection of the same budget in the same resample.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.claims.claim import DATA_SET, Answer, CannotBeAsked, answer_of, ask, claims_about
from analytics.claims.registry import CLAIMS, SHIPPED
from analytics.claims.report import ClaimReport, check_claims, drawn
from analytics.data.dataset import Dataset
from analytics.data.readers import read
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import fingerprint
from analytics.runtime.errors import InputError, WinnowError, one_line
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.provenance import code_version
from analytics.runtime.value import Table
from analytics.runtime.writing import write_files

__all__ = [
    "Survey",
    "SurveySet",
    "Surveyed",
    "find_sets",
    "order_of_claims",
    "summary",
    "survey",
    "write_survey",
]

#: Words of file names that say what a file is to its neighbours.
_TRAIN, _TEST = re.compile(r"(.+?)[_-]train"), re.compile(r"(.+?)[_-]test")
#: Endings of files that hold no structures.
_NO_DATA = {".md", ".txt", ".py", ".json", ".csv", ".html", ".log", ".pdf", ".png", ".jsonl"}

Analyser = Callable[[Dataset, Monitor], Analysis]


@dataclass(frozen=True, slots=True)
class SurveySet:
    """Files that make up a data set.

    Attributes
    ----------
    name : str
    files : tuple of Path
    tests : tuple of Path
        That were published with it.
    options : mapping
        Of reading, see `analytics.data.readers.read`.
    """

    name: str
    files: tuple[Path, ...]
    tests: tuple[Path, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What became of a set: its answers, or why there are none.

    Attributes
    ----------
    name : str
    kind : str
    facts : mapping
        Sizes, kernel width, seconds of processor time; of a set that failed nothing.
    answers : tuple of Answer
    error : str
        In one line, or "".
    known : bool
        Whether it was answered by an earlier run.
    """

    name: str
    kind: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    error: str = ""
    known: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        answers = [answer.to_dict() for answer in self.answers]
        facts = dict(self.facts)
        return {
            "name": self.name, "kind": self.kind, "facts": facts, "answers": answers,
            "error": self.error,
        }  # fmt: skip


@dataclass(frozen=True)
class Survey(Table):
    """Claims times data sets.

    Attributes
    ----------
    sets : tuple of Surveyed
    across : tuple of Answer
        Of claims about many sets.
    shipped : mapping of str to tuple of Surveyed
        The same for evidence that plug-ins bring, by subject: systems of densities.
    settings : mapping
    """

    sets: tuple[Surveyed, ...]
    across: tuple[Answer, ...]
    shipped: Mapping[str, tuple[Surveyed, ...]]
    settings: Mapping[str, Any]

    @property
    def every(self) -> tuple[Surveyed, ...]:
        """All sets that were answered, those of plug-ins too, then what holds across sets."""
        more = [one for several in self.shipped.values() for one in several]
        across = [Surveyed("all sets", answers=self.across)] if self.across else []
        return (*(one for one in self.sets if not one.error), *more, *across)

    @property
    def table(self) -> pd.DataFrame:
        """One row per claim and set: verdict, value, interval, words."""
        left_out = ("figures", "statement", "criterion", "changed_by")
        rows = [
            {"set": one.name, "kind": one.kind}
            | {k: v for k, v in answer.to_dict().items() if k not in left_out}
            for one in self.every
            for answer in one.answers
        ]
        return pd.DataFrame(rows)

    def verdicts(self) -> pd.DataFrame:
        """Return verdicts, claims by sets."""
        table = self.table
        names = list(dict.fromkeys(table["name"]))
        wide = table.pivot(index="name", columns="set", values="verdict")
        return wide.reindex(index=names, columns=list(dict.fromkeys(table["set"])))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "settings": dict(self.settings),
            "sets": [one.to_dict() for one in self.sets],
            "across": [answer.to_dict() for answer in self.across],
            "shipped": {
                subject: [one.to_dict() for one in several]
                for subject, several in self.shipped.items()
            },
        }


# ------------------------------------------------------------------------------- what there is


def find_sets(folders: Iterable[Path]) -> list[SurveySet]:
    """Return the data sets of folders, by name: files, and folders that are one data set.

    A file called ``X_test...`` is a published test of ``X_train...`` if that is there; several
    files ``X_train...`` are sets of their own with the same tests.

    Raises
    ------
    InputError
        If a folder is none, or holds nothing.
    """
    entries: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError("is no folder", source=str(folder))
        own = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
        found = [p for p in own if p.suffix.lower() not in _NO_DATA]
        if not found:
            raise InputError("holds no file that could be a data set", source=str(folder))
        entries += found
    groups: dict[tuple[Path, str], list[Path]] = {}
    for path in entries:
        match = _TRAIN.match(path.name)
        if match:
            groups.setdefault((path.parent, match[1]), [])
    tests: set[Path] = set()
    for path in entries:
        match = _TEST.match(path.name)
        if match and (path.parent, match[1]) in groups:
            groups[path.parent, match[1]].append(path)
            tests.add(path)
    sets = []
    for path in entries:
        if path not in tests:
            match = _TRAIN.match(path.name)
            own = groups[path.parent, match[1]] if match else []
            sets.append(SurveySet(path.name.split(".")[0], (path,), tuple(own)))
    return _told_apart(sets)


def _told_apart(sets: list[SurveySet]) -> list[SurveySet]:
    """Give sets whose names are equal their endings back."""
    names = [one.name for one in sets]
    return [
        one if names.count(one.name) == 1
        else SurveySet("_".join(one.files[0].parts[-2:]), one.files, one.tests, one.options)
        for one in sets
    ]  # fmt: skip


# ------------------------------------------------------------------------------- the survey


def survey(
    sets: Sequence[SurveySet],
    folder: Path,
    analyse: Analyser,
    *,
    settings: Mapping[str, Any],
    claims: Sequence[str] | None = None,
    resamples: int = 5,
    seed: int = 0,
    only_known: bool = False,
    monitor: Monitor = SILENT,
) -> Iterator[Surveyed]:
    """Answer the claims for one data set after the other, and write what each gave.

    Parameters
    ----------
    sets : sequence of SurveySet
    folder : Path
        Where results are kept.
    analyse : callable
        Makes the analysis of a data set.
    settings : mapping
        Of descriptor and kernel, as plain values: part of what makes two runs the same.
    claims, resamples, seed
        See `check_claims`.
    only_known : bool
        Yield only what earlier runs answered.
    monitor : Monitor

    Yields
    ------
    Surveyed

    Notes
    -----
    Of a set of more than 300 structures or 15 000 environments a random part is looked at: half
    a minute to two minutes of one core a set, with 5 resamples.
    """
    (folder / "sets").mkdir(parents=True, exist_ok=True)
    for at, one in enumerate(sets):
        part = Part(monitor, at / len(sets), (at + 1) / len(sets), one.name)
        path = folder / "sets" / f"{_file_name(one.name)}.json"
        try:
            key = _key(one, settings, claims, resamples, seed)
            found = _known(path, key)
            if found is None and only_known:
                continue
            if found is None:
                found = _answered(one, path, key, analyse, claims, resamples, seed, part)
        except Exception as error:  # unattended: the others go on, whatever one does
            said = (
                str(error) if isinstance(error, WinnowError) else f"{type(error).__name__}: {error}"
            )
            found = Surveyed(one.name, error=one_line(said))
        yield found


def _answered(
    one: SurveySet,
    path: Path,
    key: str,
    analyse: Analyser,
    claims: Sequence[str] | None,
    resamples: int,
    seed: int,
    monitor: Monitor,
) -> Surveyed:
    start = time.process_time()
    whole = _read(one.files, one.options)
    tests = {file.name: _read((file,), one.options) for file in one.tests}
    dataset = drawn(whole, seed)
    analysis = analyse(dataset, Part(monitor, 0.0, 0.3))
    report = check_claims(
        analysis, claims, tests=tests, resamples=resamples, seed=seed,
        monitor=Part(monitor, 0.3, 1.0),
    )  # fmt: skip
    facts = {
        "files": [file.name for file in one.files],
        "tests": [file.name for file in one.tests],
        "n_structures": report.n_structures,
        "n_environments": report.n_environments,
        "structures_of_file": whole.n_structures,
        "elements": len(np.unique(dataset.numbers)),
        "bandwidth": report.bandwidth,
        "seconds": round(time.process_time() - start, 1),
    }
    found = Surveyed(one.name, report.kind, facts, report.answers)
    _write(path, {"key": key} | found.to_dict(), _lines(report, one.name))
    return found


def _read(files: tuple[Path, ...], options: Mapping[str, Any]) -> Dataset:
    return read([str(file) for file in files], **options)


def _lines(report: ClaimReport, name: str) -> str:
    head = {"set": name, "kind": report.kind}
    return "".join(json.dumps(_plain(head | dict(row))) + "\n" for row in report.errors)


def _write(path: Path, content: Mapping[str, Any], errors: str) -> None:
    text = json.dumps(_plain(content), allow_nan=False)
    files = {path: text, path.with_suffix(".errors.jsonl"): errors}
    write_files({p: _writer(t) for p, t in files.items()}, force=True)


def _writer(text: str) -> Callable[[Any], Any]:
    return lambda file: file.write(text.encode())


def _plain(value: Any) -> Any:
    """Return plain values; NaN and infinity, which JSON does not have, become null."""
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _key(
    one: SurveySet,
    settings: Mapping[str, Any],
    claims: Sequence[str] | None,
    resamples: int,
    seed: int,
) -> str:
    """Return a digest of the contents of the files, the settings and the code."""
    contents = []
    for path in (*one.files, *one.tests):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest = hashlib.sha256()
                with file.open("rb") as stream:
                    while block := stream.read(1 << 22):
                        digest.update(block)
                contents += [file.name, digest.hexdigest()]
    asked = json.dumps([dict(settings), claims, resamples, seed, dict(one.options)], default=str)
    return fingerprint("survey", *contents, asked, code_version(check_claims))


def _known(path: Path, key: str) -> Surveyed | None:
    """Return what an earlier run found, if that is still what would be found."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or content.get("key") != key:
        return None
    answers = tuple(Answer.from_dict(each) for each in content["answers"])
    return Surveyed(content["name"], content["kind"], content["facts"], answers, known=True)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


# ------------------------------------------------------------------------------- summary


def summary(found: Sequence[Surveyed], settings: Mapping[str, Any]) -> Survey:
    """Return the table of all sets, with what only holds across sets and what plug-ins bring.

    Parameters
    ----------
    found : sequence of Surveyed
    settings : mapping
        Of the run, to be shown with it.
    """
    across = []
    for claim in claims_about(DATA_SET):
        if claim.across is None:
            continue
        answers = {o.name: a for o in found for a in o.answers if a.name == claim.name}
        try:
            across.append(answer_of(claim, claim.across(answers)))
        except CannotBeAsked as reason:
            told = (claim.name, claim.sentence, claim.paper, claim.criterion, claim.changed_by)
            across.append(Answer(*told, reason.verdict, str(reason)))
    shipped = {}
    for subject in SHIPPED:
        asked = claims_about(subject)
        shipped[subject] = tuple(
            Surveyed(name, subject, answers=tuple(ask(claim, evidence) for claim in asked))
            for name, evidence in SHIPPED[subject]().items()
        )
    return Survey(tuple(found), tuple(across), shipped, settings)


def write_survey(found: Survey, folder: Path, page: str) -> list[Path]:
    """Write the tables, the JSON, the errors of all sets and the page; return the files.

    Parameters
    ----------
    found : Survey
    folder : Path
        Of the run, see `survey`.
    page : str
        HTML.
    """
    errors = "".join(
        path.read_text(encoding="utf-8")
        for one in found.sets
        if (path := folder / "sets" / f"{_file_name(one.name)}.errors.jsonl").exists()
    )
    texts = {
        "claims.csv": found.table.to_csv(index=False) if found.every else "",
        "verdicts.csv": found.verdicts().to_csv() if found.every else "",
        "survey.json": json.dumps(_plain(found.to_dict()), allow_nan=False),
        "errors.jsonl": errors,
        "index.html": page,
    }
    paths = {folder / name: text for name, text in texts.items()}
    write_files({path: _writer(text) for path, text in paths.items()}, force=True)
    return list(paths)


def order_of_claims(found: Survey) -> list[str]:
    """Return the names of the claims that were answered, in the order they are registered."""
    asked = {answer.name for one in found.every for answer in one.answers}
    return [name for name in CLAIMS if name in asked]
