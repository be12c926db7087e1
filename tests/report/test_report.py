"""The report: one file that asks for nothing, says what was compared, and escapes what it names."""

import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.curation.ledger import Removal, Waiver
from analytics.evaluation.comparison import compare_selections
from analytics.information.analysis import MEMORY_VARIABLE
from analytics.pipeline import Pipeline
from analytics.recipe import Recipe, make_recipe
from analytics.report.commands import command_of
from analytics.report.contents import Decided, Report, Table, Wanted, compile_report
from analytics.report.maps import png
from analytics.report.page import figure_files, report_page
from analytics.report.sources import bibtex, sources_of
from analytics.report.svg import Axis
from analytics.report.tables import environment_table, structure_table, table_files
from analytics.runtime.text import PAGE
from analytics.selection.base import METHODS

ROOT = Path(__file__).resolve().parent.parent.parent
CARBON = f"{ROOT / 'assets' / 'carbon.xyz.gz'}@0:60"
HOSTILE = '<script>alert(1)</script>&"\u202e'


class Reader(HTMLParser):
    """Collects text and attributes, and sees that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.told: list[str] = []
        self.asked: list[tuple[str, str, str]] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.asked += [(tag, name, value) for name, value in attrs if name in ("src", "href")]
        if tag not in ("br", "hr", "img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.told.append(data)


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline()


@pytest.fixture(scope="module")
def report(pipeline) -> Report:
    data = winnow.read(CARBON)
    labels = np.array(data.config_type, dtype="<U60")
    labels[5:9] = HOSTILE
    data = replace(data, config_type=labels, name="hostile <b>&.xyz")
    analysis = pipeline.analyse(data)
    return compile_report(
        pipeline,
        analysis,
        [Wanted("random", 3), Wanted("facility_location"), Wanted("largest_force")],
        7,
        decided=Decided(
            (2,),
            (Removal(11, "Near-duplicates", "a <copy> of 10"), Removal(12)),
            (Waiver("finding", "it <is> so"),),
        ),
        tables=[Table("Retrained <potentials>", ("method", "error"), (("random", "<1>"),))],
        made="2026-01-02",
    )


@pytest.fixture(scope="module")
def written(report) -> str:
    return report_page(report)


def test_the_file_is_whole_and_asks_for_nothing(written):
    read = Reader(written)
    assert not read.open
    assert not read.tags & {"script", "link", "iframe", "object", "form", "button"}
    for tag, name, value in read.asked:
        assert tag == "a" or value.startswith("data:image/png;base64,"), (tag, name, value[:60])
    assert "@import" not in written
    assert "url(" not in written
    assert len(written) < 3_000_000


def test_names_of_others_are_text(written):
    assert "<script" not in written
    assert "<copy>" not in written
    assert "<potentials>" not in written
    assert "\u202e" not in written
    told = "".join(Reader(written).told)
    for name in ("hostile <b>&.xyz", "<script>alert(1)</script>", "a <copy> of 10", "it <is> so"):
        assert name in told


def test_figures_are_those_of_the_comparison(report, written):
    told = " ".join(Reader(written).told)
    expected = compare_selections(
        report.analysis, [column.selection for column in report.columns], [7]
    ).to_frame()
    for row in expected.to_dict(orient="records"):
        assert PAGE.percent(row["overlap"]) in told
        for name in ("mean_delta_entropy", "entropy_nats", "force_w1"):
            assert PAGE.significant(row[name]) in told
        assert PAGE.count(int(row["n_environments"])) in told


def test_what_was_decided_is_in_it(report, written):
    frames = report.analysis.dataset.frame_indices
    assert {s for each in report.removals for s in each.structures} == set(frames[[11, 12]])
    for column in report.columns:
        assert column.selection.structures[0] == 2
        assert not {11, 12} & set(column.selection.structures.tolist())
    assert "2026-01-02" in written


def test_the_command_picks_the_same_structures(pipeline, tmp_path):
    analysis = pipeline.analyse(winnow.read(CARBON))
    picked = pipeline.select(analysis, "random", seed=3, keep=[2], drop=[11, 12])
    words = command_of(analysis, picked, 7).split()
    assert words[:2] == ["winnow", "select"]
    arguments = ["select", CARBON, *words[words.index("--method") :]]
    arguments[arguments.index("-o") + 1] = str(tmp_path / "kept.xyz")
    assert main(arguments) == 0
    frames = analysis.dataset.frame_indices[picked.structures[:7]]
    assert list(Recipe.load(tmp_path / "kept.json").picked) == frames.tolist()


def test_every_method_names_its_sources_and_bibtex_has_unlike_keys():
    found = sources_of(METHODS)
    keys = re.findall(r"@\w+\{(\w+),", bibtex(found))
    assert len(keys) == len(set(keys)) == len(found)
    assert {"10.1287/mnsc.23.8.789", "2511.10561", "2210.15809"} <= {each.mark for each in found}
    assert all(each.mark and each.text for each in found)


def test_a_list_that_is_shorter_is_compared_as_it_is(pipeline):
    analysis = pipeline.analyse(winnow.read(CARBON))
    given = METHODS["given"].spec(indices="3,5,8", name="<mine>")
    found = compile_report(pipeline, analysis, [Wanted("given", 0, given), Wanted("random")], 7)
    assert found.comparison.table["n_structures"].tolist() == [3, 7]
    told = " ".join(Reader(report_page(found)).told)
    assert "<mine>" in told
    assert "Comparison at 7" in told


def test_estimates_stand_with_their_errors(pipeline, monkeypatch):
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 300)
    monkeypatch.setenv(MEMORY_VARIABLE, "1e-9")
    # a slice that nobody else analyses: what is sampled must not be remembered for others
    analysis = pipeline.analyse(winnow.read(f"{ROOT / 'assets' / 'carbon.xyz.gz'}@0:552:9"))
    assert analysis.sampled is not None
    found = compile_report(pipeline, analysis, [Wanted("random"), Wanted("msc")], 20)
    told = " ".join(Reader(report_page(found)).told)
    for row in found.comparison.table.to_dict(orient="records"):
        error = PAGE.percent_error(row["overlap_error"])
        expected = f"{PAGE.percent(row['overlap'])} ± {error}"
        assert (expected if row["overlap_error"] > 0 else PAGE.percent(row["overlap"])) in told
    assert "one standard error" in told
    assert analysis.scores_said() in told
    atoms = environment_table(analysis).table
    assert atoms["outlier_score"].isna().tolist() == (~analysis.outliers.known).tolist()


def test_axes_write_values_within_them():
    for axis in (Axis("", 0, 1), Axis("", 3, 8, log=True), Axis("", 1e-5, 900, log=True)):
        ticks = axis.ticks()
        assert 2 <= len(ticks) <= 12
        assert all(axis.low <= tick <= axis.high * (1 + 1e-9) for tick in ticks)
        places = axis.place(np.array([axis.low, axis.high]))
        np.testing.assert_allclose(places, [0, 1], atol=1e-12)


def test_a_picture_is_a_png_of_its_pixels():
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(png(pixels)))), pixels)


def test_the_command_writes_it_with_a_recipe(report, tmp_path, capsys):
    out = tmp_path / "r.html"
    assert main(["report", CARBON, "--budget", "7", "--methods", "random", "-o", str(out)]) == 0
    assert not Reader(out.read_text()).open
    data = winnow.read(CARBON)
    analysis = Pipeline().analyse(data)
    kept = Pipeline().select(analysis, "msc", size=9, drop=[4])
    make_recipe(analysis, kept, 9, reasons={4: "broken"}).save(tmp_path / "kept.json")
    recipe = ["--recipe", str(tmp_path / "kept.json")]
    assert main(["report", CARBON, *recipe, "-o", str(out), "--force"]) == 0
    told = " ".join(Reader(out.read_text()).told)
    assert "broken" in told
    assert "Comparison at 9" in told
    assert main(["report", CARBON, *recipe, "--keep", "3", "-o", str(out), "--force"]) == 2
    assert "--recipe" in capsys.readouterr().err
    other = str(ROOT / "assets" / "carbon.xyz.gz") + "@0:50"
    assert main(["report", other, *recipe, "-o", str(out), "--force"]) != 0


def test_tables_say_their_units_and_have_every_structure(report):
    analysis, data = report.analysis, report.analysis.dataset
    orders = [column.selection for column in report.columns]
    found = structure_table(analysis, orders, report.size, report.decided)
    table = found.table
    assert set(table.columns) == set(found.columns)
    assert "eV/Å" in found.columns["max_force"]
    assert table["structure"].tolist() == data.frame_indices.tolist()
    for at, order in enumerate(orders, start=1):
        kept = table[f"kept_{at}_{order.method}"].to_numpy()
        expected = {*order.structures[: report.size].tolist(), *np.flatnonzero(data.isolated)}
        assert set(np.flatnonzero(kept)) == expected
        assert table[f"rank_{at}_{order.method}"][order.structures[3]] == 4
    assert table["reason"][11] == "Near-duplicates: a <copy> of 10"
    assert np.flatnonzero(table["rejected"]).tolist() == [11, 12]
    atoms = environment_table(analysis).table
    norms = np.linalg.norm(data.forces, axis=1)
    offsets = data.structure_offsets
    places = data.structure_of_frame()
    for row in atoms.sample(20, random_state=0).to_dict(orient="records"):
        at = offsets[places[row["structure"]]] + row["atom"]
        np.testing.assert_allclose(row["force"], norms[at])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_read_back(report, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    made = structure_table(report.analysis)
    content = table_files({"structures": made}, kind)
    assert content == table_files({"structures": made}, kind)
    archive = zipfile.ZipFile(io.BytesIO(content))
    read = pd.read_csv if kind == "csv" else pd.read_parquet
    table = read(io.BytesIO(archive.read(f"structures.{kind}")))
    np.testing.assert_allclose(table["max_force"], made.table["max_force"])
    assert json.loads(archive.read("columns.json"))["structures"] == dict(made.columns)


def test_figures_are_files_of_their_own(report):
    archive = zipfile.ZipFile(io.BytesIO(figure_files(report)))
    names = archive.namelist()
    assert len(names) == len(set(names)) >= 7
    for name in names:
        content = archive.read(name)
        if name.endswith(".svg"):
            root = ElementTree.fromstring(content)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
        else:
            assert content.startswith(b"\x89PNG")
