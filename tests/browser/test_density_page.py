"""The user's path through the Density stage: look, move, exchange, open files, train, cancel.

One window serves all tests of this file, in their order; the stage is asked for as soon as its
button is there, before the browser has said that the page is drawn.
"""

import re

import numpy as np
import pytest
from ase import Atoms
from ase.io.cube import write_cube
from playwright.sync_api import expect
from test_page import Screen

from analytics.density.grid import BOHR

pytestmark = pytest.mark.browser

LONG = 180_000
LENGTHS = """(names) => names.map((name) => {
  const model = Bokeh.documents[0].get_model_by_name(name)
  return model.renderers.map((r) => r.data_source.get_length() ?? 0)
})"""
DRAWN = """(name) => {
  const model = window.Bokeh?.documents?.[0]?.get_model_by_name(name)
  const box = model && Bokeh.index.find_one(model)?.el?.getBoundingClientRect()
  return Boolean(box) && box.width > 50 && box.height > 50
}"""
IMAGES = """() => ['true', 'predicted', 'error'].map((name) => {
  const model = Bokeh.documents[0].get_model_by_name(`density-slice-${name}`)
  return model.renderers[0].data_source.data.image[0].length
})"""
#: How many colours the map of the true density has: few if it is drawn with another system's.
COLOURS = """() => {
  const model = Bokeh.documents[0].get_model_by_name('density-slice-true')
  const shown = model.renderers.find((r) => r.name === 'image' && r.visible)
  const canvas = Bokeh.index.find_one(model).views.find_one(shown)?.glyph.image_data?.[0]
  if (!canvas) return 0
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  return new Set(new Uint32Array(data.buffer)).size
}"""


def molecules(n, electrons=2.0):
    """Return an archive of two atoms at random distances in a box, with Gaussian densities."""
    rng = np.random.default_rng(0)
    cell, shape, width = np.diag([4.0, 3.6, 3.6]), (14, 12, 12), 0.45
    axes = [(np.arange(m) / m) * cell[i, i] for i, m in enumerate(shape)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    middle = np.array([2.0, 1.8, 1.8])
    reach = np.array([1.0, 0.0, 0.0]) * rng.uniform(0.3, 0.6, n)[:, None]
    places = np.stack([middle - reach, middle + reach], axis=1)
    rho = np.array([
        sum(np.exp(-((grid - atom) ** 2).sum(axis=-1) / (2 * width**2)) for atom in pair)
        for pair in places
    ])  # fmt: skip
    point = np.linalg.det(cell) / BOHR**3 / np.prod(shape)
    rho *= electrons / (rho.sum(axis=(1, 2, 3), keepdims=True) * point)
    return {"rho": rho, "pos": places, "cell": cell, "Z": np.array([1, 1])}


class Stage:
    """The Density stage of one window."""

    def __init__(self, visitor, folder):
        self.page, self.folder = visitor.page, folder
        self.screen = Screen(visitor.page)
        self.bar = self.page.locator(".density-bar")
        self.system = self.bar.get_by_role("combobox").first
        self.cards = self.page.locator(".score").filter(has_text="Electrons kept")
        self.claims = self.page.locator(".claim")
        self.alert = self.page.locator(".MuiAlert-root")

    def lengths(self, *names):
        return self.page.evaluate(LENGTHS, list(names))

    def texts(self):
        return self.cards.all_inner_texts()

    def slice_is_drawn(self):
        self.page.wait_for_function(f"() => ({IMAGES})().every((n) => n > 1)", timeout=LONG)

    def choose(self, box, name):
        box.click()
        items = self.page.get_by_role("option").or_(self.page.get_by_role("menuitem"))
        items.filter(has_text=name).first.click()

    def open_files(self, *paths):
        self.choose(self.system, "Own files")
        field = self.page.get_by_label("or paths on the machine that runs Winnow")
        field.fill(" ".join(str(path) for path in paths))
        field.press("Enter")
        self.screen.button("Open densities").click()


@pytest.fixture(scope="module")
def stage(visit_of_file, tmp_path_factory):
    visitor = visit_of_file()
    button = visitor.page.get_by_role("button", name="Density", exact=True)
    button.wait_for(state="attached", timeout=LONG)
    button.click(timeout=LONG)
    yield Stage(visitor, tmp_path_factory.mktemp("density"))
    visitor.check()


def test_stage_asked_for_at_once_shows_precomputed_results(stage):
    for name in ("density-map-0", "density-error", "density-other", "density-slice-true"):
        stage.page.wait_for_function(DRAWN, arg=name, timeout=LONG)
    assert min(stage.lengths("density-error")[0]) >= 4  # curves over that many shares
    expect(stage.bar).to_contain_text("precomputed with Winnow")
    expect(stage.claims).to_have_count(7)
    expect(stage.cards).to_have_count(3)
    for text in stage.texts():
        assert re.search(r"Density error\n% of electrons\n\d\S* ± \d", text), text


def test_share_slider_changes_cards_and_kept_points(stage):
    stage.slice_is_drawn()  # the points have been described
    before, drawn = stage.texts(), stage.lengths("density-map-0", "density-map-2")
    assert all(kept > 0 for _, kept in drawn)
    slider = stage.page.get_by_role("slider", name="Share to keep")
    slider.focus()
    stage.page.keyboard.press("ArrowLeft")
    expect(stage.bar).to_contain_text("0.5\u202f%")
    for column, text in enumerate(before):
        expect(stage.cards.nth(column)).not_to_have_text(text, use_inner_text=True)
    fewer = f"() => ({LENGTHS})(['density-map-0'])[0][1] === {round(drawn[0][1] / 2)}"
    stage.page.wait_for_function(fewer, timeout=LONG)
    stage.page.keyboard.press("ArrowRight")
    for column, text in enumerate(before):
        expect(stage.cards.nth(column)).to_have_text(text, use_inner_text=True)


def test_another_method_in_a_column(stage):
    before = stage.texts()
    stage.choose(stage.page.get_by_role("combobox", name="Pruning method of column 3"), "EL2N")
    expect(stage.cards.nth(2)).not_to_have_text(before[2], use_inner_text=True)
    assert stage.texts()[:2] == before[:2]
    # the slice offers the model of the column under its new name
    stage.choose(stage.page.get_by_role("combobox", name="Model of the slice"), "3 · EL2N")
    expect(stage.page.get_by_text(re.compile(r"^el2n, 1.% kept, seed 0"))).to_be_visible(
        timeout=LONG
    )


def test_files_that_are_no_density_leave_what_is_shown(stage):
    before = stage.texts()
    made = molecules(3)
    np.savez(stage.folder / "few.npz", **made, electrons=np.array(7.0))
    (stage.folder / "words.cube").write_text("no density\n")
    np.savez(stage.folder / "holes.npz", **{**made, "rho": made["rho"] * np.nan})
    for name, told in (
        ("few.npz", "few.npz, structure 0: integrates to 2 electrons, not 7"),
        ("words.cube", "words.cube: no electron density"),
        ("holes.npz", "holes.npz, structure 0: the density is not finite"),
    ):
        stage.open_files(stage.folder / name)
        expect(stage.alert.filter(has_text=told)).to_be_visible(timeout=LONG)
        expect(stage.system).to_contain_text("Aluminium")
    assert stage.texts() == before


def test_another_system(stage):
    before = stage.texts()
    stage.choose(stage.system, "Water molecule")
    for column, text in enumerate(before):
        expect(stage.cards.nth(column)).not_to_have_text(text, use_inner_text=True)
    expect(stage.page.locator(".note").filter(has_text="held against")).to_contain_text("Water")
    expect(stage.page.get_by_role("combobox", name="Snapshot")).to_contain_text(
        re.compile("300 K|500 K"), timeout=LONG
    )
    stage.slice_is_drawn()
    stage.page.wait_for_function(f"() => ({COLOURS})() > 60", timeout=LONG)


def test_own_files_are_trained_on_and_training_is_cancelled(stage):
    whole = molecules(6)
    for at in range(6):
        atoms = Atoms(whole["Z"], positions=whole["pos"][at], cell=whole["cell"])
        with (stage.folder / f"run{at}.cube").open("w") as handle:
            write_cube(handle, atoms, data=whole["rho"][at])
    stage.open_files(stage.folder / "run*.cube")
    expect(stage.bar).to_contain_text("nothing trained yet", timeout=LONG)
    expect(stage.page.get_by_text("run0.cube and 5 others: 1 snapshot of")).to_be_visible()
    expect(stage.screen.button("Open densities")).to_be_hidden()
    train = stage.screen.button("Train")
    train.click()
    expect(stage.bar).to_contain_text(re.compile(r"trained here: [1-9]\d* of \d+"), timeout=LONG)
    # a curve appears while the rest is still being trained
    stage.page.wait_for_function(
        f"() => Math.max(...({LENGTHS})(['density-error'])[0]) > 0", timeout=LONG
    )
    stage.screen.button("Cancel").click()
    said = stage.bar.get_by_text(re.compile(r"^trained here, 1.500 steps"))
    expect(train).to_be_enabled()
    done, total = map(int, re.search(r"\((\d+) of (\d+) models\)", said.inner_text()).groups())
    assert 0 < done < total
    expect(stage.claims).to_have_count(7)
