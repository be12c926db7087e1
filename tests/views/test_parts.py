"""The parts of the page that translate: gestures to brush, decisions to files."""

import io
import json
import zipfile

import ase.io
import numpy as np
import pytest
from bokeh.events import PanStart, SelectionGeometry, Tap

from analytics.data.export_formats.registry import EXPORT_FORMATS
from analytics.data.readers import read
from analytics.evaluation.embedding import Embedding
from analytics.evaluation.map_points import MapPoints
from analytics.pipeline import Pipeline
from views.compare import embeddings
from views.compare.distortion_card import DistortionCard
from views.compare.embeddings import Maps
from views.compare.left_open import LeftOpen
from views.compare.retention import CURVES, Retention
from views.compare.tails import Tails
from views.data.view import DataView
from views.inspector.inspector import Inspector
from views.kit.gestures import brush_mode
from views.shell.export_dialog import Export
from views.state.jobs import Inline
from views.state.session import DEMO, Session

# panel-material-ui 0.16 meets its own deprecation in every FileDownload
pytestmark = pytest.mark.filterwarnings(
    "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
)

SHIFT, ALT = {"shift": True}, {"alt": True}
CTRL_SHIFT = {"shift": True, "ctrl": True, "alt": False}


@pytest.fixture(scope="module")
def opened():
    session = Session(Inline(), Pipeline())
    session.open_dataset(read(f"{DEMO}@0:552:6"))
    return session.opened


@pytest.fixture
def session(opened):
    session = Session(Inline(), Pipeline())
    session.adopt(opened, "small.xyz")
    return session


def test_keys_held_decide_what_a_drag_does():
    assert brush_mode(None) == brush_mode({}) == brush_mode({"shift": False}) == "replace"
    assert brush_mode(SHIFT) == "add"
    assert brush_mode(ALT) == brush_mode(CTRL_SHIFT) == "subtract"


# ---- maps ---------------------------------------------------------------------------------------


@pytest.fixture
def maps(session):
    return Maps(session, LeftOpen(session))


@pytest.fixture
def pictures(session, monkeypatch):
    """Maps that draw everything as pictures, as they do of large sets."""
    for name in ("GLYPHS", "FEW"):
        monkeypatch.setattr(embeddings, name, 0)
    return Maps(session, LeftOpen(session))


def picture(layer):
    (image,) = layer.picture.data["image"]
    return image


def lasso(maps, corners, held=None):
    """Do as the browser does: the drag begins, and ends round an area."""
    plot = maps.figures[0]
    plot._trigger_event(PanStart(plot, modifiers=held))
    x, y = zip(*corners, strict=True)
    shape = {"type": "poly", "x": list(x), "y": list(y)}
    plot._trigger_event(SelectionGeometry(plot, geometry=shape, final=True))


def round_(session, share):
    """Corners of a box round the environments to the left in the map, and those."""
    x, y = session.embedding.xy.T
    edge = float(np.quantile(x, share, method="midpoint")) + 1e-5
    low, high = y.min() - 1, y.max() + 1
    box = [(x.min() - 1, low), (edge, low), (edge, high), (x.min() - 1, high)]
    return box, np.flatnonzero(x.astype("f4") < edge)


@pytest.mark.parametrize(("held", "mode"), [(None, "replace"), (SHIFT, "add"), (ALT, "subtract")])
def test_lasso_takes_all_environments_within(session, maps, held, mode):
    corners, inside = round_(session, 0.3)
    before = np.arange(1, session.analysis.n_environments, 3)
    session.set_brush(before)
    lasso(maps, corners, held)
    expected = {
        "replace": inside,
        "add": np.union1d(before, inside),
        "subtract": np.setdiff1d(before, inside),
    }[mode]
    assert session.brush.tolist() == expected.tolist()
    assert sorted(maps.brushed.points.data["x"]) == sorted(
        session.embedding.xy[expected, 0].astype("f4")
    )


def test_box_is_a_brush_too(session, maps):
    corners, inside = round_(session, 0.2)
    plot = maps.figures[1]
    edges = {"x0": corners[1][0], "x1": corners[0][0], "y0": 1e3, "y1": -1e3}
    plot._trigger_event(PanStart(plot, modifiers=None))
    for final in (False, True):
        assert len(session.brush) == 0
        shape = {"type": "rect", **edges}
        plot._trigger_event(SelectionGeometry(plot, geometry=shape, final=final))
    assert session.brush.tolist() == inside.tolist()


def tap(maps, xy, held=None):
    plot = maps.figures[2]
    plot._trigger_event(Tap(plot, x=float(xy[0]), y=float(xy[1]), modifiers=held))


def test_click_shows_the_nearest_of_all_environments(session, maps):
    described = session.analysis.descriptors
    x, y = session.embedding.xy.T
    row = int(np.argmax(x))
    tap(maps, (x[row], y[row]))
    owner = described.owners[row]
    assert session.active == described.structures[owner]
    assert session.active_atom == row - described.structure_offsets[owner]
    assert session.brush.tolist() == [row]
    other = int(np.argmin(x))
    tap(maps, (x[other], y[other]), SHIFT)
    assert session.brush.tolist() == sorted([row, other])
    assert session.active == described.structures[described.owners[other]]
    tap(maps, (x.max() + np.ptp(x), y.max()))  # beside all points
    assert len(session.brush) == 0
    assert session.active == described.structures[described.owners[other]]


def test_box_moved_by_keys_is_brushed(session, maps):
    keys = maps.keyboards[1]
    assert "PCA map of column 2" in keys.label
    said = {"what": "brush", "x": 0.4, "y": 0.5, "half": 0.25, "shift": False, "alt": False}
    keys._handle_msg(said)
    (left, right), (low, high) = maps._frame.x, maps._frame.y
    x, y = maps._points.x, maps._points.y
    across, up = (x - left) / (right - left), (y - low) / (high - low)
    inside = (np.abs(across - 0.4) <= 0.25) & (np.abs(up - 0.5) <= 0.25)
    assert session.brush.tolist() == np.flatnonzero(inside).tolist() != []
    keys._handle_msg(said | {"alt": True})
    assert len(session.brush) == 0
    keys._handle_msg(said | {"what": "look", "x": 0.0})
    near = np.argmin((across * maps._frame.width) ** 2 + ((up - 0.5) * maps._frame.height) ** 2)
    described = session.analysis.descriptors
    assert session.active == described.structures[described.owners[near]]


def test_in_view_follows_the_zoom(session, maps):
    assert session.in_view == session.analysis.n_environments
    middle = float(np.median(session.embedding.xy[:, 0]))
    maps.x_range.end = middle
    assert session.in_view == (session.embedding.xy[:, 0].astype("f4") <= middle).sum()


def test_kept_structures_are_drawn_over_the_rest(session, maps):
    for size in (3, 30):
        session.set_budget(size)
        for slot, layer in zip(session.slots, maps.kept, strict=False):
            assert len(layer.points.data["x"]) == len(session.kept_rows(slot))


def test_brush_lies_on_top_and_what_is_kept_of_it_above(session, maps):
    plot, drawn_anew = maps.figures[1], []
    for layer in (maps.rest, *maps.kept):  # what is kept does not change with the brush
        layer.points.on_change("data", lambda attr, old, new: drawn_anew.append(new))
    session.set_brush(range(session.analysis.n_environments))
    names = [renderer.name for renderer in plot.renderers]
    assert names.index("rest") < names.index("kept") < names.index("brush") < names.index("inside")
    assert len(maps.brushed.points.data["x"]) == session.analysis.n_environments
    kept = session.kept_rows(session.slots[1])
    assert len(maps.inside[1].points.data["x"]) == len(kept)
    session.set_brush([])
    assert len(maps.inside[1].points.data["x"]) == 0
    assert drawn_anew == []


def test_a_large_map_is_a_picture_of_all_points(session, pictures):
    image = picture(pictures.rest)
    assert len(pictures.rest.points.data["x"]) == 0
    points, frame = MapPoints(session.embedding.xy), pictures._frame
    assert image.shape == (frame.height, frame.width)
    counts, _, _ = np.histogram2d(points.y, points.x, bins=image.shape, range=[frame.y, frame.x])
    assert counts.sum() == len(points)
    assert (image[counts > 0] > 0).all()  # a lone pixel is drawn larger, none is lost
    assert image.max() == 255
    session.set_brush([7])  # one of thousands is seen, in every column
    spot = picture(pictures.brushed)
    row, column = (
        int((value - low) / (high - low) * size)
        for value, (low, high), size in (
            (points.y[7], frame.y, frame.height),
            (points.x[7], frame.x, frame.width),
        )
    )
    assert spot[row, column] > 0
    assert 9 < np.count_nonzero(spot) < 60
    session.set_brush([])
    assert not pictures.brushed.picture.data["image"]


def test_zoom_draws_the_picture_anew(session, pictures):
    before = picture(pictures.rest)
    pictures.x_range.end = (pictures.x_range.start + pictures.x_range.end) / 2
    after = pictures.rest.picture.data
    assert after["dw"] == [pictures.x_range.end - pictures.x_range.start]
    assert not np.array_equal(before, after["image"][0])


def test_what_is_few_within_the_frame_is_drawn_as_points(session, maps, monkeypatch):
    layer = maps.rest
    monkeypatch.setattr(layer, "_most", 500)
    maps.x_range.end += 1e-6
    assert layer.picture.data["image"]
    x = np.sort(session.embedding.xy[:, 0])
    maps.x_range.end = float(x[300:302].mean())
    assert not layer.picture.data["image"]
    assert len(layer.points.data["x"]) == session.in_view == 301


def test_points_are_as_large_as_a_property(session, maps):
    session.size("max_force")
    values = session.sizing.of(0)
    order = np.argsort(maps._points.x, kind="stable")
    drawn = maps.rest.points.data
    sizes = drawn["size"][np.argsort(drawn["x"], kind="stable")]
    assert np.corrcoef(sizes, values[order])[0, 1] > 0.5
    assert sizes.max() > 3 * sizes.min()
    session.size("")
    assert len(set(maps.rest.points.data["size"])) == 1


def test_a_rare_high_value_wins_its_pixel_and_the_commonest_class_does(session, pictures):
    n = session.analysis.n_environments
    session.paint("outlier_score" if session.property_of("outlier_score") else "max_force")
    levels = session.colouring.levels(0) + 1
    assert picture(pictures.tints[0]).max() == min(levels.max(), 255)
    session.paint("config_type")
    codes = session.colouring.of(0)
    seen = picture(pictures.tints[0])
    points, frame = pictures._points, pictures._frame
    at = (
        ((points.y - frame.y[0]) / (frame.y[1] - frame.y[0]) * frame.height).astype(int),
        ((points.x - frame.x[0]) / (frame.x[1] - frame.x[0]) * frame.width).astype(int),
    )
    alone = (
        np.bincount(at[0] * frame.width + at[1], minlength=seen.size)[at[0] * frame.width + at[1]]
        == 1
    )
    agree = seen[at[0][alone], at[1][alone]] == codes[alone] + 1
    assert len(codes) == n
    assert agree.all()  # points drawn larger leave the pixels of others to them
    session.paint("method")
    assert not pictures.tints[0].picture.data["image"]


def test_mouse_at_rest_names_the_nearest_environment(session, maps):
    x, y = session.embedding.xy.T
    row = int(np.argmin(y))
    maps.gestures.pointer.data = {"x": [float(x[row])], "y": [float(y[row])], "column": [0]}
    described = session.analysis.descriptors
    structure = described.structures[described.owners[row]]
    (said,) = maps.gestures.hovered.data["text"]
    assert f"structure {session.dataset.frame_indices[structure]} " in said
    maps.gestures.pointer.data = {"x": [], "y": [], "column": []}
    assert not maps.gestures.hovered.data["text"]


def test_a_plane_has_axes_and_leaves_out_what_has_no_place(session, maps):
    xy = np.random.default_rng(0).normal(size=session.embedding.xy.shape)
    xy[::2] = np.nan
    map_ = Embedding(xy, np.arange(len(xy)), "plane", np.nan, axes=("energy (eV)", "score (nats)"))
    session.embedding = map_
    assert [axis.axis_label for axis in maps.figures[0].axis] == ["energy (eV)", "score (nats)"]
    assert all(axis.visible for axis in maps.figures[0].axis)
    assert session.in_view == np.isfinite(xy[:, 0]).sum()
    lasso(maps, [(-9, -9), (9, -9), (9, 9), (-9, 9)])
    assert session.brush.tolist() == np.flatnonzero(np.isfinite(xy[:, 0])).tolist()


def test_distortion_is_said_on_request_and_the_worst_placed_are_brushed(session):
    card = DistortionCard(session)
    assert not card.body.visible
    card.ask()
    found = card.request.result
    assert card.body.visible
    assert f"Trustworthiness {found.distortion.trustworthiness:.2f}"[:20] in card.answers.object
    assert "±" in card.answers.object  # 2 000 of 3 981 were looked at
    assert card.answers.object.count("swatch") == len(session.slots)
    np.testing.assert_allclose(
        found.coverage.in_space,
        [each.overlap[0] for each in session.measured],
        atol=4 * found.coverage.in_space_error.max(),
    )
    card._brush_worst()
    assert session.brush.tolist() == sorted(found.distortion.worst().tolist())
    session.set_budget(session.budget + 1)  # what was said is about what was kept then
    assert card.request.result is None
    assert not card.body.visible


# ---- force tails --------------------------------------------------------------------------------


@pytest.mark.parametrize(("held", "mode"), [(None, "replace"), (SHIFT, "add"), (ALT, "subtract")])
def test_drag_across_a_tail(session, held, mode):
    tails, norms = Tails(session, LeftOpen(session)), session.analysis.force_norms
    plot = tails.figures[2]
    session.set_brush(np.flatnonzero(norms > 5))
    inside, before = np.flatnonzero((norms >= 2) & (norms <= 10)), session.brush
    plot._trigger_event(PanStart(plot, modifiers=held))
    box = {"type": "rect", "x0": 10.0, "x1": 2.0, "y0": 0.0, "y1": 1.0}
    plot._trigger_event(SelectionGeometry(plot, geometry=box, final=False))
    assert session.brush is before
    plot._trigger_event(SelectionGeometry(plot, geometry=box, final=True))
    expected = {
        "replace": inside,
        "add": np.union1d(before, inside),
        "subtract": np.setdiff1d(before, inside),
    }[mode]
    assert session.brush.tolist() == expected.tolist()


# ---- what is left open --------------------------------------------------------------------------


def test_left_open_is_the_delta_entropy_given_the_kept(session):
    left = LeftOpen(session)
    maps, tails = Maps(session, left), Tails(session, left)
    assert left.columns == []  # nobody looks
    left.switch()
    x, h = session.analysis.descriptors.values, session.analysis.spec.bandwidth
    for column, slot in enumerate(session.slots):
        kept = x[session.kept_rows(slot)]
        squares = ((x[:, None, :] - kept[None, :, :]) ** 2).sum(axis=2)
        with np.errstate(divide="ignore"):
            expected = np.clip(-np.log(np.exp(-squares / (2 * h * h)).sum(axis=1)), 0.0, 40.0)
        np.testing.assert_allclose(left.columns[column].values, expected, atol=1e-4)
        drawn = maps.tints[column].points.data
        assert (np.diff(drawn["level"].astype(int)) >= 0).all()  # what is left open lies on top
        assert len(drawn["level"]) == len(expected)
        top = expected[np.isin(session.embedding.xy[:, 0].astype("f4"), drawn["x"][-20:])]
        assert top.min() > np.median(expected)
        assert len(tails.kept[column].data["x"])
        far = left.within(column, 1.0, np.inf)
        assert far.tolist() == np.flatnonzero(left.columns[column].values >= 1.0).tolist()
    before = left.columns
    session.set_budget(session.budget + 5)
    assert left.columns is not before
    left.switch()
    assert left.columns == []
    assert session.colouring is None
    assert all(len(layer.points.data["x"]) == 0 for layer in maps.tints)
    assert len(maps.kept[0].points.data["x"])
    np.testing.assert_allclose(tails.full.data["x"].max(), session.analysis.force_norms.max())


def test_left_open_is_worked_out_where_a_session_comes_back_coloured_by_it(session):
    session.paint("delta_entropy")
    assert session.colouring is None
    left = LeftOpen(session)
    maps = Maps(session, left)
    assert len(left.columns) == session.n_columns == len(session.colouring.values)
    assert [switch.label for switch in maps.switches] == ["What is kept?"] * session.n_columns


# ---- retention ----------------------------------------------------------------------------------


def test_line_of_the_budget_is_moved_and_moves(session):
    retention = Retention(session)
    spans = list(retention._lines._lines.values())
    assert len(spans) == len(CURVES)
    spans[0].location = 50.0
    assert session.budget == round(0.5 * session.analysis.n_structures)
    session.set_budget(10)
    assert [span.location for span in spans] == [100 * 10 / session.analysis.n_structures] * 4


def test_nothing_left_to_keep_is_drawn_too(session):
    retention = Retention(session)
    session.open_dataset(read(f"{DEMO}@20:21"))
    session.reject(0)
    assert all(len(source.data["share"]) == 0 for source in retention.sources)


def test_curves_are_those_of_the_methods_and_follow_a_new_order(session):
    retention, slot = Retention(session), session.slots[0]
    before = retention.sources[0].data
    n = session.analysis.n_structures
    np.testing.assert_allclose(before["share"], 100 * slot.retention.sizes / n)
    np.testing.assert_allclose(before["overlap"], slot.retention.overlap)
    assert retention.figures["entropy"].y_range.end > max(before["entropy"])
    session.reseed(0)
    assert not np.array_equal(retention.sources[0].data["overlap"], before["overlap"])
    np.testing.assert_allclose(retention.sources[0].data["overlap"], slot.retention.overlap)


# ---- export -------------------------------------------------------------------------------------


def written(part):
    """Return the file that a part of the dialog has made in the background."""
    made = []
    part(made.append)
    return made[0]


def contents(export):
    subset, rest = (
        ase.io.read(io.StringIO(written(part).decode()), ":", format="extxyz")
        for part in (export._subset, export._rest)
    )
    return subset, rest, json.loads(export._recipe().read())


def test_subset_and_rest_are_the_whole(session):
    export = Export(session)
    session.pin(7)
    session.reject(8)
    export._open()
    subset, rest, recipe = contents(export)
    kept = [atoms.info["original_index"] for atoms in subset]
    frames = session.dataset.frame_indices
    isolated = frames[session.dataset.isolated]
    assert kept == recipe["kept_frame_indices"]
    assert kept == sorted([*frames[session.kept(session.slots[1])], *isolated])
    assert frames[7] in kept
    assert frames[8] not in kept
    assert sorted([*kept, *(atoms.info["original_index"] for atoms in rest)]) == frames.tolist()
    assert recipe["method"] == "facility_location"


def test_column_to_export_is_remembered(session):
    export = Export(session)
    export._open()
    export.method.value = 2
    export._open()
    assert export.method.value == 2
    assert export.downloads["subset"].filename == "carbon_largest_force_9.xyz"


def test_the_inspector_says_why_a_structure_was_rejected(session):
    inspector = Inspector(session)
    session.inspect(4)
    assert "rejected" not in inspector.facts.object
    session.reject_all([4, 5], {4: "near-duplicate of <3>"})
    assert "<dt>rejected</dt>" in inspector.facts.object
    assert "near-duplicate of &lt;3&gt;" in inspector.facts.object
    session.inspect(5)
    assert "by hand" in inspector.facts.object
    session.undo()
    assert "rejected" not in inspector.facts.object


def test_the_inspector_names_the_nearest_environment_and_looks_for_it_once(session, monkeypatch):
    looked_for = []
    run = session.run
    monkeypatch.setattr(
        session, "run", lambda *a, **more: (looked_for.append(a[0]), run(*a, **more))
    )
    inspector = Inspector(session)
    session.inspect(4, 2)
    data, x = session.dataset, session.analysis.descriptors
    away = np.linalg.norm(x.values - x.values[session.active_row], axis=1)
    away[session.active_row] = np.inf
    near = int(away.argmin())
    structure = x.structures[x.owners[near]]
    atom = x.environments[near] - data.structure_offsets[structure]
    said = f"structure {data.frame_indices[structure]}, atom {atom}, "
    said += f"{away[near] / session.analysis.spec.bandwidth:.1f} h away"
    assert said in inspector.facts.object
    session.set_budget(session.budget + 1)
    session.pin(4)
    assert said in inspector.facts.object
    assert looked_for.count("nearest") == 1
    session.inspect(4)
    assert "nearest" not in inspector.facts.object


@pytest.mark.parametrize("format", list(EXPORT_FORMATS))
def test_the_dialog_offers_every_format(session, format):
    export = Export(session)
    export._open()
    assert format in export.format.options.values()
    export.format.value = format
    chosen = EXPORT_FORMATS[format]
    ending = ".zip" if chosen.is_folder else chosen.endings[0]
    assert export.downloads["subset"].filename == f"carbon_facility_location_9{ending}"
    content = written(export._subset)
    if chosen.is_folder:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert all(chosen.owns.match(name) for name in names)
        assert "a zip archive" in export.text.object
    assert len(content) > 1000
    assert chosen.lossless == ("original keys are kept" in export.text.object)


def test_all_rejected_leaves_an_empty_subset(session):
    export = Export(session)
    session.open_dataset(read(f"{DEMO}@20:21"))
    session.reject(0)
    assert written(export._subset) == b""
    assert len(ase.io.read(io.StringIO(written(export._rest).decode()), ":", format="extxyz")) == 1
    assert json.loads(export._recipe().read())["n_kept"] == 0


def test_only_what_is_new_is_opened_from_the_drop_zone(session, monkeypatch):
    opened = []
    monkeypatch.setattr(session, "open", lambda path: opened.append((path.name, path.read_bytes())))
    view = DataView(session)
    for name, content in (("a.xyz", b"first"), ("b.xyz", b"second"), ("a.xyz", b"third")):
        view.drop._handle_msg({"name": name, "data": content, "chunk": 1, "total_chunks": 1})
        # as when the browser gives a file up that has come already
        view.drop._handle_msg({"name": name, "given_up": True})
    assert opened == [("a.xyz", b"first"), ("b.xyz", b"second"), ("a.xyz", b"third")]
    session.end()
