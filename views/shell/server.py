"""Server: what one process shares between users, and how a session is tied to its page."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import panel as pn
from bokeh.document import Document
from panel.io.resources import LOCAL_DIST
from tornado.ioloop import IOLoop

from analytics.pipeline import Pipeline
from analytics.runtime.arrays import fingerprint
from analytics.runtime.errors import WinnowError, cause_of
from analytics.runtime.progress import Monitor
from analytics.runtime.workers import shared_workers
from views.compare import map_raster
from views.kit.gestures import one_change
from views.shell.closed_windows import expect_closed_windows
from views.shell.early_changes import send_early_changes
from views.shell.first_paint import FirstPaints, first_answer, first_words
from views.shell.locked_events import lock_events
from views.shell.page import Page
from views.shell.stage import stages_in_order
from views.state.jobs import Inline, Worker, in_background
from views.state.linking import file_of
from views.state.links import Link, read_link, unpacked_rows
from views.state.looking import NOTHING
from views.state.places import Places
from views.state.saver import Saver, Threaded
from views.state.session import DEMO, Opened, Session
from views.state.shelf import Shelf

__all__ = ["first_paint", "new_session", "start", "warm_up"]

# Datashader brings it when a map is first drawn as a picture. SciPy asks `dask.array` for its class
# whenever it stands in `sys.modules`, also while another thread is still importing it, and then
# whatever is being computed fails (docs/upstream.md).
with suppress(ImportError):
    import dask.array  # noqa: F401

_LOG = logging.getLogger(__name__)
#: Results are shared: the second user of a data set does not wait for it.
_PIPELINE = Pipeline(workers=shared_workers())
#: What a page that opens with a file paints first, by the theme: the same for everybody.
_FIRST_PAINTS = FirstPaints(_PIPELINE.cache.store)
#: Files of which it was made by this process: one from an earlier run does for a start.
_PAINTED: set[str] = set()
#: When the sessions of a user were last looked through for old ones, and how often that is done.
_TIDIED: dict[Path, float] = {}
TIDY = 3600.0
#: One visitor's warm-up is enough for all.
_WARMING = threading.Lock()
#: After so long without work the page counts as idle, milliseconds.
IDLE = 8000


def _key(path: str | Path) -> str:
    """Tell a file from its later versions."""
    place = Path(path)
    return fingerprint("opened", place, place.stat().st_mtime if place.is_file() else 0.0)


def warm_up(path: str | Path) -> None:
    """Analyse the file that every page opens with, once per process, in the background."""

    def make(_: Monitor) -> Opened:
        session = Session(Inline(), _PIPELINE)
        session.open(path)
        if session.opened is None:
            raise WinnowError(session.notice[1] or f"{path} cannot be opened")
        return session.opened

    def work() -> None:
        with _WARMING:
            if key in _PAINTED:
                return
            session = Session(Inline(), _PIPELINE)
            try:
                session.adopt(_PIPELINE.cache.result(key, make), path)
            except WinnowError as error:  # every page says so itself
                _LOG.warning("the first page cannot be prepared: %s", error)
                return
            page = Page(session)
            themes = {"default": False, "dark": True}
            made = {name: first_answer(session, page, dark) for name, dark in themes.items()}
            _FIRST_PAINTS.keep(key, made)
            _PAINTED.add(key)
        map_raster.warm_up()

    key = _key(path)
    if _PIPELINE.cache.get(key) is None or key not in _PAINTED:
        in_background(work)


def first_paint(path: str | Path) -> str:
    """Return the first paint of a page that opens with a file: words while there is no answer."""
    dark = pn.config.theme == "dark"
    if _asked_for():
        return first_words("a saved session", dark)
    link = _link()
    if link is not None:
        return first_words(link.data or path, dark)
    answer = _FIRST_PAINTS.get(_key(path), "dark" if dark else "default")
    return answer or first_words(path, dark)


def new_session() -> Session:
    """Make the session of the page that is being served; it ends with the page."""
    doc = pn.state.curdoc
    loop = None if doc is None or doc.session_context is None else IOLoop.current()
    if loop is not None:
        send_early_changes()
        lock_events()
        expect_closed_windows(loop.asyncio_loop)
        # Panel says where style sheets are when it writes the page. A window that connects only
        # after its session was given up, as a slow machine does, gets another, of which no page is
        # ever written: it would ask another machine for them (docs/upstream.md).
        doc._template_variables.setdefault("dist_url", LOCAL_DIST)

    def post(callback: Callable[[], None]) -> None:
        def carry_out() -> None:
            with one_change(doc):  # one message for all that a result changes on the page
                callback()

        if loop is not None and doc.session_context is not None:
            # told to the loop first: what a thread adds to a document whose changes are being
            # held back at that moment is held back with them, and forgotten
            loop.add_callback(_hand_over, doc, carry_out)

    worker = Worker(post)
    session = Session(worker, _PIPELINE)
    session.places = Places.from_environment().with_own(DEMO)
    if loop is not None:
        _save(session, Threaded(_delay(doc), post, partial(_failed, weakref.ref(session))))

    if loop is not None:
        # weakly: Panel (1.9) keeps the settings of a session's document after its end, with all
        # that they hold, which would be the document and so its own key
        pn.config.exception_handler = partial(_refuse, weakref.ref(session))

    def end(_: object) -> None:
        worker.cancel()
        session.end()

    pn.state.on_session_destroyed(end)
    session.param.watch(lambda event: _go_on_when_idle(session), ["opened"])
    return session


def _save(session: Session, clock: Threaded) -> None:
    """Have the session kept on the disk, with those of the same user."""
    try:
        shelf = Shelf(pn.state.user or "")
    except WinnowError as error:  # what the environment says makes no sense
        session.tell_when_open(f"sessions are not saved: {error}")
        return
    session.places = session.places.with_own(shelf.uploads)
    Saver(session, shelf, clock)
    if time.monotonic() - _TIDIED.get(shelf.folder, -TIDY) > TIDY:
        _TIDIED[shelf.folder] = time.monotonic()
        clock.aside(shelf.tidy, lambda _: None, slow=True)


def _delay(doc: Document) -> Callable[[float, Callable[[], None]], None]:
    def delay(seconds: float, act: Callable[[], None]) -> None:
        if doc.session_context is not None:
            doc.add_timeout_callback(act, round(1000 * seconds))

    return delay


def _asked_for() -> str:
    """Return the name of the session that the address of the page asks for; empty for none."""
    return str(pn.state.session_args.get("session", [b""])[0].decode(errors="replace"))


def _link() -> Link | None:
    """Return what the address of the page says of the state that it is to show."""
    return read_link(pn.state.session_args)


def _follow(session: Session, link: Link) -> None:
    """Show what a link says, as far as that can be."""
    saver, troubles, rows = session.saver, list(link.troubles), NOTHING
    try:
        path = file_of(link.data, session.places, session.served)
    except WinnowError as error:
        troubles.append(f"data {link.data[:60]!r} ({error})")
        path = str(session.served)
    if link.stage and link.stage not in {stage.title for stage in stages_in_order()}:
        troubles.append(f"stage {link.stage[:60]!r}")
    try:
        packed = saver.shelf.kept_brush(link.key) if link.key and saver is not None else link.rows
        rows = unpacked_rows(packed) if packed else NOTHING
    except (WinnowError, ValueError) as error:
        troubles.append(f"brush ({error})")
    if saver is not None:
        saver.start(path)
    link = replace(link, troubles=tuple(troubles))
    pn.state.onload(lambda: session.follow(link, path, rows))


def _words(error: Exception) -> str:
    """Return what is said of an error; one that nobody expected is noted in the log."""
    if isinstance(error, WinnowError):
        return str(error)
    _LOG.error("an event of a page was refused", exc_info=error)
    return f"that was not done: {cause_of(error)}"


def _failed(page_of: weakref.ref[Session], error: Exception) -> None:
    """Say what came of work of the disk."""
    session = page_of()
    if session is not None:
        session.notice = ("error", _words(error))


def _refuse(page_of: weakref.ref[Session], error: Exception) -> None:
    """Say what came of a value that no widget offers, or of a fault; the page goes on."""
    told = _words(error)
    session, doc = page_of(), pn.state.curdoc
    if session is None or doc is None:
        return

    def tell() -> None:
        session.notice = ("error", told)

    # an event may have been refused without the lock of its document: it is told with it
    IOLoop.current().add_callback(_hand_over, doc, tell)


def _hand_over(doc: Document, work: Callable[[], None]) -> None:
    if doc.session_context is not None:  # the user may have left meanwhile
        doc.add_next_tick_callback(work)


def _go_on_when_idle(session: Session) -> None:
    """Do what will be wanted once nothing has been asked of the page for a while.

    That is, to make the figures of a sampled analysis exact, and to lay out the UMAP.
    """
    doc, opened = pn.state.curdoc, session.opened
    refined: list[bool] = []
    if doc is None or doc.session_context is None:
        return

    def look() -> None:
        if session.opened is not opened:
            return
        if session.busy:
            doc.add_timeout_callback(look, IDLE)
        elif opened is not None and not (opened.analysis.exact or refined):
            refined.append(True)  # once: a user who cancels it is content with the estimates
            session.refine()
            doc.add_timeout_callback(look, IDLE)
        else:
            session.lay_out_ahead()

    doc.add_timeout_callback(look, IDLE)


def start(session: Session, path: str | Path) -> None:
    """Show the session that the address asks for, or else a file.

    A file is shown at once if it is ready, otherwise when the page has been drawn.

    Work must not finish before the page exists: its result would have nowhere to go.
    """
    session.places = session.places.with_own(path)  # whoever runs the server has named it
    session.served = path
    name, saver = _asked_for(), session.saver

    def instead(error: WinnowError) -> None:
        session.tell_when_open(str(error))
        saver.start(path)
        session.open(path)

    if name and saver is not None:
        pn.state.onload(lambda: saver.open(name, instead))
        return
    link = _link()
    if link is not None:
        _follow(session, link)
        return
    if saver is not None:
        saver.start(path)
    ready = _PIPELINE.cache.get(_key(path))
    if ready is not None:
        session.adopt(ready, path)
    else:
        pn.state.onload(lambda: session.open(path))
