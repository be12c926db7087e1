"""Survey: every set of a folder, resumed where it stopped, failures one line each, one page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import ase.io
import numpy as np
import pytest

from analytics.claims.claim import Answer
from analytics.claims.pruning import alike, low_dimension
from analytics.claims.survey import find_sets
from analytics.cli.main import main
from tests.retrain_makers import make_structures

CLAIMS = "msc_outliers,potential_random_nearly_free,potential_low_dimension"
OPTIONS = [
    "--claims",
    CLAIMS,
    "--resamples",
    "2",
    "--bandwidth",
    "0.1",
    "--descriptor",
    "distances",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("sets")
    ase.io.write(path / "a_train.xyz", make_structures(44))
    ase.io.write(path / "a_test.xyz", make_structures(8, seed=3))
    ase.io.write(path / "b&b.xyz", make_structures(44, seed=1))
    (path / "c.xyz").write_text("no structure\n")
    (path / "README.md").write_text("notes\n")
    return path


@pytest.fixture(scope="module")
def result(folder):
    out = folder.parent / "out"
    assert main(["survey", str(folder), "-o", str(out), *OPTIONS]) == 0
    return out


def test_files_become_sets_and_tests_find_theirs(folder) -> None:
    found = {one.name: [p.name for p in one.tests] for one in find_sets([folder])}
    assert found == {"a_train": ["a_test.xyz"], "b&b": [], "c": []}


def test_table_has_every_claim_of_every_set(result) -> None:
    content = json.loads((result / "survey.json").read_text())
    sets = {one["name"]: one for one in content["sets"]}
    assert len(sets["a_train"]["answers"]) == len(sets["b&b"]["answers"]) == 3
    assert "number of atoms" in sets["c"]["error"]
    assert "\n" not in sets["c"]["error"]
    assert "density" in content["shipped"]
    table = (result / "claims.csv").read_text().splitlines()
    assert table[0].startswith("set,kind,name,paper,verdict")
    errors = [json.loads(line) for line in (result / "errors.jsonl").read_text().splitlines()]
    assert {row["set"] for row in errors} == {"a_train", "b&b"}
    assert {"split", "method", "budget", "force_ratio", "energy_ratio"} <= set(errors[0])


def test_what_is_there_is_not_computed_again(folder, result, capsys) -> None:
    before = (result / "sets" / "a_train.json").read_bytes()
    assert main(["survey", str(folder), "-o", str(result), *OPTIONS]) == 0
    said = capsys.readouterr().out
    assert said.count("known already") == 2
    assert "c: not surveyed" in said
    assert (result / "sets" / "a_train.json").read_bytes() == before


def test_page_is_one_file_that_says_verdicts_in_words(result) -> None:
    text = (result / "index.html").read_text()

    class Page(HTMLParser):
        buttons = 0

        def handle_starttag(self, tag, attrs):
            given = dict(attrs)
            assert not {"src", "href"} & set(given)  # nothing from elsewhere
            self.buttons += "data-claim" in given

    page = Page()
    page.feed(text)
    content = json.loads((result / "survey.json").read_text())
    shipped = sum(len(one["answers"]) for one in content["shipped"]["density"])
    own = sum(len(one["answers"]) for one in content["sets"]) + len(content["across"])
    assert page.buttons == own + shipped
    assert "b&amp;b" in text
    assert "prefers-color-scheme" in text
    assert not re.search(r"url\(|https?://", text.split("</style>")[0])
    assert "not reproduced" in text
    assert "Counts if" in text


def _answers(kinds, dimension, cost) -> dict[str, Answer]:
    return {
        str(at): Answer(
            "x", "", "", "", "", "cannot be asked", "",
            figures={"kind": k, "dimension": float(d), "cost": float(c)},
        )
        for at, (k, d, c) in enumerate(zip(kinds, dimension, cost, strict=True))
    }  # fmt: skip


def test_claims_across_sets() -> None:
    kinds = ["molecules"] * 8 + ["one element"] * 8
    rising = low_dimension._across(_answers(kinds, np.arange(16), 1 + np.arange(16)))
    assert rising.verdict == "reproduced"
    assert rising.value == pytest.approx(1)
    falling = low_dimension._across(_answers(kinds, np.arange(16), 17 - np.arange(16)))
    assert falling.verdict == "not reproduced"
    dear = alike._across(_answers(kinds, np.arange(16), [1.0] * 8 + [2.0] * 8))
    assert dear.verdict == "not reproduced"
    assert dear.value == pytest.approx(2.0)
    cheap = alike._across(_answers(kinds, np.arange(16), [1.05] * 16))
    assert cheap.verdict == "reproduced"


def test_unknown_claims_and_folders_are_refused(folder, capsys) -> None:
    assert main(["claims", str(folder / "b&b.xyz"), "--claims", "nonsense"]) == 2
    assert "no claim 'nonsense'" in capsys.readouterr().err
    assert main(["survey", str(folder / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err
