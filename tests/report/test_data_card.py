"""The data card: read by a parser of YAML and one of Markdown, it says what the subset holds."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from markdown_it import MarkdownIt

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.curation.ledger import Removal
from analytics.evaluation.comparison import compare_selections
from analytics.pipeline import Pipeline
from analytics.report.contents import Decided, Table, Wanted, compile_report
from analytics.report.data_card import data_card, escaped
from analytics.runtime.text import PAGE

ROOT = Path(__file__).resolve().parent.parent.parent
CARBON = f"{ROOT / 'assets' / 'carbon.xyz.gz'}@0:60"
HOSTILE = "<script>alert(1)</script>|`*_[x](http://y)\u202e\n---"


def parts(card):
    """Return the head as a mapping, and the rest as HTML of a parser that lets HTML through."""
    _, head, body = card.split("---\n", 2)
    return yaml.safe_load(head), MarkdownIt("commonmark", {"html": True}).enable("table").render(
        body
    )


@pytest.fixture(scope="module")
def report():
    data = winnow.read(CARBON)
    labels = np.array(data.config_type, dtype="<U90")
    labels[5:9] = HOSTILE
    data = replace(data, config_type=labels, name=f"of {HOSTILE}.xyz")
    return compile_report(
        Pipeline(), Pipeline().analyse(data), [Wanted("facility_location"), Wanted("random", 3)], 7,
        decided=Decided((2,), (Removal(11, "Near-duplicates", HOSTILE), Removal(12))),
        tables=[Table(HOSTILE, ("method", "error"), (("random", "<b>1|2</b>"),), (HOSTILE,))],
    )  # fmt: skip


def test_names_of_others_are_text_in_yaml_and_in_markdown(report):
    card = data_card(report, licence='cc-by-4.0"\nx: 1')
    head, page = parts(card)
    assert head["license"] == 'cc-by-4.0"\nx: 1'
    assert set(head) == {"pretty_name", "license", "tags", "size_categories"}
    assert "<script" not in page
    assert "<b>1" not in page
    assert "<a href" not in page
    assert "\u202e" not in card
    assert "&lt;script&gt;alert(1)&lt;/script&gt;|`*_[x](http://y)" in page


def test_it_counts_what_the_file_holds(report):
    data, selection = report.analysis.dataset, report.columns[0].selection
    head, page = parts(data_card(report))
    isolated = [s for s, atoms in enumerate(winnow.to_atoms(data)) if len(atoms) == 1]
    kept = {*selection.structures[:7].tolist(), *isolated}
    assert head["pretty_name"].startswith(f"{len(kept)} structures of ")
    assert head["size_categories"] == ["n<1K"]
    rows = re.findall(r"<tr>\n<td>(.*?)</td>\n<td>(\d+)</td>\n<td>(\d+)</td>", page)
    assert sum(int(number) for _, number, _ in rows) == len(kept)
    assert sum(int(number) for *_, number in rows) == data.n_structures
    expected = compare_selections(report.analysis, [selection], [7]).to_frame().iloc[0]
    for name in ("entropy_nats", "mean_delta_entropy"):
        assert f"<td>{PAGE.significant(expected[name])}</td>" in page


def test_what_nobody_can_know_is_left_to_who_publishes(report):
    assert "who may use them" in data_card(report)
    assert "who may use them" not in data_card(report, licence="cc0-1.0")


@pytest.mark.parametrize("text", ["a\nb", "# no heading", "1 < 2 & 3 > 0", "~~x~~", "$x$", "\\"])
def test_escaped_text_is_shown_letter_by_letter(text):
    page = MarkdownIt("commonmark").render(f"- **x**: {escaped(text)}")
    shown = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"</strong>: {shown}</li>" in page


def test_the_command_writes_it_beside_the_report(tmp_path, capsys):
    card, out = tmp_path / "card.md", tmp_path / "r.html"
    usual = ["report", CARBON, "--budget", "7", "--methods", "random", "-o", str(out)]
    assert main([*usual, "--card", str(card), "--licence", "cc-by-4.0"]) == 0
    assert parts(card.read_text())[0]["license"] == "cc-by-4.0"
    assert main([*usual, "--force", "--licence", "cc-by-4.0"]) == 2
    assert "--card" in capsys.readouterr().err
    before = out.read_bytes()
    out.unlink()
    assert main([*usual, "--card", str(card)]) == 2  # the card exists: nothing is written
    assert not out.exists()
    assert before
