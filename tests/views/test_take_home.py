"""What the export dialog has made: the report, figures and tables of what is open and decided."""

import io
import json
import zipfile

import pandas as pd
import pytest

from analytics.report.contents import Table
from views.shell.export_dialog import Export
from views.shell.link_field import LinkField
from views.shell.take_home import TakeHome
from views.state.jobs import Inline
from views.state.session import Session

pytestmark = pytest.mark.filterwarnings(  # panel-material-ui 0.16.6 with Panel 1.9.4
    "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
)


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    session.set_budget(6)
    session.pin(2)
    session.reject_all([4, 5], reasons={4: "a copy of 3"}, step="Near-duplicates")
    session.waive("isolated_atoms", "kept on purpose", "1 structure is an isolated atom")
    return session


@pytest.fixture
def home(session):
    table = Table("Retrained <x>", ("trained on", "error"), (("random", "1.0 ± 0.1"),))
    return TakeHome(session, lambda: [table], lambda: "small", lambda: ("Compare", ""))


def test_the_report_says_what_was_decided(home, session):
    made = []
    home._report(made.append)
    text = made[0].decode()
    for said in ("Near-duplicates", "a copy of 3", "kept on purpose", "Retrained &lt;x&gt;"):
        assert said in text, said
    for slot in session.slots:
        assert slot.title in text
    home.refresh()
    assert "budget=6" in home.link.query
    assert "reject=4-5" in home.link.query
    assert "why structures were rejected" in home.left_out.object


def test_tables_and_figures_are_archives(home, session):
    made = []
    home._scores(made.append)
    home._figures(made.append)
    tables, figures = (zipfile.ZipFile(io.BytesIO(each)) for each in made)
    structures = pd.read_csv(io.BytesIO(tables.read("structures.csv")))
    assert structures["pinned"].sum() == 1
    assert structures["rejected"].sum() == 2
    assert json.loads(tables.read("columns.json"))["environments"]["force"].endswith("eV/Å")
    environments = pd.read_csv(io.BytesIO(tables.read("environments.csv")))
    assert len(environments) == session.analysis.n_environments
    assert "force_tails.svg" in figures.namelist()


def test_a_file_that_cannot_be_made_is_told_and_the_button_is_free_again(home, session):
    session.compute = lambda *_, **__: (_ for _ in ()).throw(RuntimeError("no room"))
    home.report._handle_click()
    assert not home.report.loading
    assert "no room" in session.notice[1]


def test_a_button_hands_out_what_was_made_each_time(home):
    heard = []
    home.report.param.watch(lambda event: heard.append(event.new), "data")
    for _ in range(2):
        home.report._handle_click()
    assert [bool(data) for data in heard] == [True, False, True]
    assert home.report.filename == "small_report.html"


def test_the_dialog_has_it_when_it_is_opened(session):
    export = Export(session)
    assert not export.dialog.select(LinkField)
    for _ in range(2):
        export._open()
        assert export.dialog.open
        (link,) = export.dialog.select(LinkField)
        assert "budget=6" in link.query
        export.dialog.open = False
    assert export._indices().getvalue().split() == [
        str(index).encode() for index in session.dataset.frame_indices[export._kept()]
    ]
