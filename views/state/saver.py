"""Saver: keeps the session of a page on the disk, within a second of every change. No Panel here.

What is to be saved is gathered where the state may be touched, which takes well under a
millisecond; it is packed, written and synchronised in one thread for the whole process, in the
order in which it was asked for.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet, WeakValueDictionary

import param

from analytics.data.dataset import Dataset
from analytics.runtime.errors import WinnowError
from views.state.saved import Packing, SavedSession, as_json, marks_of
from views.state.session import Session
from views.state.shelf import Shelf, new_name

__all__ = ["DELAY", "Clock", "Immediate", "Page", "Saver", "Threaded"]

#: Seconds for which changes are gathered before they are written.
DELAY = 0.3
#: Seconds after which it is tried again to write what could not be written.
AGAIN = 5.0

_DISK = ThreadPoolExecutor(max_workers=1, thread_name_prefix="winnow-save")
#: For what may take longer: nobody's changes wait for the archive of somebody else.
_SLOW = ThreadPoolExecutor(max_workers=1, thread_name_prefix="winnow-shelf")

#: Tells whether a file is still the one that was written: the numbers of `os.stat`.
_Identity = tuple[int, ...]


class Page(Protocol):
    """What a page gives to be saved besides the session, and takes back."""

    def save(self) -> tuple[str, Mapping[str, Mapping[str, Any]]]:
        """Return the stage shown, and by stage what was chosen there."""

    def restore(self, stage: str, stages: Mapping[str, Mapping[str, Any]]) -> None:
        """Show a stage, and what was chosen in each."""


class Clock(Protocol):
    """When work is done, and where."""

    def later(self, act: Callable[[], None]) -> None:
        """Act in a moment, where state may be touched."""

    def again(self, act: Callable[[], None]) -> None:
        """Act after a while, where state may be touched: something did not succeed."""

    def aside(
        self, work: Callable[[], Any], done: Callable[[Any], None], *, slow: bool = False
    ) -> None:
        """Work in the thread of the disk, and hand the result over where state may be touched.

        What is `slow`, and needs no order among the changes that are written, has its own thread.
        """


class Immediate:
    """Does everything at once, in the caller: for tests and scripts."""

    def later(self, act: Callable[[], None]) -> None:
        """See `Clock`."""
        act()

    def again(self, act: Callable[[], None]) -> None:
        """See `Clock`: at once it would be the same."""

    def aside(
        self, work: Callable[[], Any], done: Callable[[Any], None], *, slow: bool = False
    ) -> None:
        """See `Clock`."""
        done(work())


class Threaded:
    """Writes in the thread of the disk.

    Parameters
    ----------
    delay : callable
        Calls a callable after so many seconds where state may be touched.
    post : callable
        Calls a callable there as soon as possible; from any thread.
    failed : callable
        Gets the error, there, of work that did not expect it.
    """

    def __init__(
        self,
        delay: Callable[[float, Callable[[], None]], Any],
        post: Callable[[Callable[[], None]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._delay, self._post, self._failed = delay, post, failed

    def later(self, act: Callable[[], None]) -> None:
        """See `Clock`."""
        self._delay(DELAY, act)

    def again(self, act: Callable[[], None]) -> None:
        """See `Clock`."""
        self._delay(AGAIN, act)

    def aside(
        self, work: Callable[[], Any], done: Callable[[Any], None], *, slow: bool = False
    ) -> None:
        """See `Clock`."""

        def carry_out() -> None:
            try:
                result = work()
            except Exception as error:
                failed = partial(self._failed, error)  # the name goes with the block
                self._post(failed)
            else:
                self._post(lambda: done(result))

        (_SLOW if slow else _DISK).submit(carry_out)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be written, and where; `dataset` is what it is about."""

    name: str
    saved: SavedSession
    dataset: Dataset


@dataclass(frozen=True, slots=True)
class _Written:
    """What came of writing."""

    name: str
    trouble: str = ""
    elsewhere: bool = False


class Saver(param.Parameterized):
    """Saves one session to a shelf; the page shows what it says."""

    name_on_shelf = param.String("", doc="Name of the session; empty until there is one to save.")
    title = param.String("", doc="What the user calls it.")
    trouble = param.String("", doc="Why the last change could not be saved; empty if it was.")
    written = param.Event(doc="What is on the shelf has been brought up to date.")
    elsewhere = param.Boolean(False, doc="Whether another window has it: nothing is saved here.")

    #: Who saves what, in this process.
    _live: WeakValueDictionary[Path, Saver] = WeakValueDictionary()
    _all: WeakSet[Saver] = WeakSet()

    def __init__(self, session: Session, shelf: Shelf, clock: Clock, **params: Any) -> None:
        super().__init__(**params)
        self.session, self.shelf, self._clock = session, shelf, clock
        self.page: Page | None = None
        #: What a page that has not been built yet will be given back.
        self.of_page: tuple[str, Mapping[str, Mapping[str, Any]]] = ("", {})
        self._packing = Packing()
        self._marks: tuple[str, dict[int, int]] = ("", {})
        self._identity: _Identity | None = None
        self._last: dict[str, Any] | None = None  # as it was written, or need not be
        self._subject: tuple[Any, ...] = ()
        self._asked = self._writing = self._decided = self._retrying = False
        session.param.watch(self.note, [
            "opened", "map_kind", "descriptor", "kernel", "budget", "brush", "active",
            "active_atom", "pinned", "rejected", "removals", "waived", "chosen", "question",
            "named_brushes", "searches", "kept_lists",
        ])  # fmt: skip
        for slot in session.every_slot:
            slot.param.watch(self.note, ["method", "seed", "spec"])
        session.on_end(self.close)
        session.saver = self
        self._all.add(self)

    # ---- what the page does with it ---------------------------------------------------------

    def attach(self, page: Page) -> None:
        """Save what is chosen on a page as well, and give it what is to come back."""
        self.page = page
        if self.of_page != ("", {}):
            page.restore(*self.of_page)
        self.param.trigger("name_on_shelf")

    def start(self, path: str | Path) -> None:
        """Take what a page opens with for nothing worth saving, until it is changed."""
        self._subject = (str(path), ())

    def open(self, name: str, instead: Callable[[WinnowError], None]) -> None:
        """Restore a session from the shelf; call `instead` with the cause if that cannot be."""
        try:
            path = self.shelf.path(name)
        except WinnowError as error:
            instead(error)
            return
        other = self._live.get(path)
        if other is not None and other is not self:
            other.release()

        def work() -> SavedSession | WinnowError:
            try:
                saved = self.shelf.load(name)
            except WinnowError as error:
                return error
            self.shelf.use(name)  # whoever else has it sees that it is not theirs any more
            return saved

        def done(found: SavedSession | WinnowError) -> None:
            if isinstance(found, WinnowError):
                instead(found)
                return
            self._own(name)
            self._last = _content(self.shelf.for_disk(found))
            self._subject = (found.source.path, _keys(found))
            self._decided = _has_decisions(found)
            self.of_page = (found.stage, found.stages)
            if self.page is not None:
                self.page.restore(*self.of_page)
            self.param.update(title=found.title, name_on_shelf=name)
            try:
                self.session.restore(found)
            except WinnowError as error:
                self.session.notice = ("error", f"{found.source.name}: {error}")

        self._clock.aside(work, done)

    @property
    def clock(self) -> Clock:
        """When work on the shelf is done."""
        return self._clock

    def rename(self, title: str) -> None:
        """Give the session a title."""
        self.title = title
        self._decided = True
        self.note()

    def release(self) -> None:
        """Write what there is, and leave the session to another window."""
        self._flush()
        self.elsewhere = True

    def forget(self) -> None:
        """Go on without a name: what was saved has been deleted."""
        self._live.pop(self.shelf.path(self.name_on_shelf), None)
        self._identity, self._decided = None, False
        self.param.update(name_on_shelf="", title="")
        self._last = self._as_opened()

    def close(self) -> None:
        """Write what has not been written: the user leaves."""
        if self._owed:
            self._flush()

    @property
    def _owed(self) -> bool:
        """Whether there is something that is not written yet, or could not be."""
        return bool(self._asked or self.trouble) and not self.elsewhere

    # ---- saving -----------------------------------------------------------------------------

    def note(self, *_: Any) -> None:
        """Save in a moment: something has changed."""
        if self._asked or self.elsewhere or self.session.opened is None:
            return
        if self._last is None:
            first = self._as_opened()
            self._last = first if self._last is None else self._last
        self._asked = True
        self._clock.later(self._write)

    def _as_opened(self) -> dict[str, Any] | None:
        """Return what there is before anything has been changed: that need not be saved."""
        state = self._gather()
        return None if state is None else _content(self.shelf.for_disk(self._marked(state)))

    def _flush(self) -> None:
        """Write what there is whatever is being written: nobody will ask for the result."""
        wanted = self._gather()
        if wanted is not None:
            self._clock.aside(lambda: self._to_disk(wanted), lambda written: None)

    def _gather(self) -> _Wanted | None:
        """Return what is to be written; None if there is nothing that can come back."""
        saved, data = self.session.save(), self.session.dataset
        if saved is None or data is None:
            return None
        stage, stages = self.of_page if self.page is None else self.page.save()
        self.of_page = (stage, stages)
        saved = replace(saved, stage=stage, stages=stages, title=self.title)
        subject = (saved.source.path, _keys(saved))
        again = subject[0] == self._subject[0] if self._subject else False
        if again and (saved.undo or saved.redo):  # read another way: decisions have stayed
            self._subject = subject
        if subject != self._subject or self.session.lost:
            self._begin_another(subject)
            saved = replace(saved, title=self.title)
        return _Wanted(self.name_on_shelf, saved, data)

    def _begin_another(self, subject: tuple[Any, ...]) -> None:
        """Leave a session with decisions as it is: this is about another file, or a changed one."""
        self._subject, self._last = subject, {}
        self.session.lost = []
        if self._decided:
            self._live.pop(self.shelf.path(self.name_on_shelf), None)
            self._identity, self._decided = None, False
            self.param.update(name_on_shelf="", title="")

    def _write(self) -> None:
        self._asked = False
        if self.elsewhere:
            return
        if self._writing:  # once more when that is done
            self._asked = True
            return
        wanted = self._gather()
        if wanted is None:
            return
        self._decided = self._decided or _has_decisions(wanted.saved)
        self._writing = True
        self._clock.aside(lambda: self._to_disk(wanted), self._on_written)

    def _to_disk(self, wanted: _Wanted) -> _Written:
        """Write, unless nothing has changed or the file is another's; in the thread of the disk."""
        name = wanted.name
        try:
            saved = self.shelf.for_disk(self._marked(wanted))
            content = _content(saved, self._packing)
            self._packing.forget()
            if content == self._last:
                return _Written(name)
            if name and self._identity is not None:
                found = _identity(self.shelf.path(name))
                if found is None:
                    name = ""  # deleted in another window
                elif found != self._identity:
                    return _Written(name, elsewhere=True)
            name = name or new_name()
            self.shelf.write(name, as_json(content | {"saved": time.time()}))
            self._identity, self._last = _identity(self.shelf.path(name)), content
        except WinnowError as error:
            return _Written(wanted.name, str(error))
        except Exception as error:  # whatever it is, the page goes on, and says so
            return _Written(wanted.name, f"{type(error).__name__}: {error}")
        return _Written(name)

    def _on_written(self, written: _Written) -> None:
        self._writing = False
        if written.name and written.name != self.name_on_shelf:
            self._live[self.shelf.path(written.name)] = self
        self.param.update(
            name_on_shelf=written.name,
            trouble=written.trouble,
            elsewhere=self.elsewhere or written.elsewhere,
            written=True,
        )
        if self._asked:
            self._write()
        elif written.trouble and not self._retrying:
            self._retrying = True
            self._clock.again(self._try_again)

    def _try_again(self) -> None:
        self._retrying = False
        if self.trouble:
            self.note()

    def _own(self, name: str) -> None:
        path = self.shelf.path(name)
        self._identity, self._live[path] = _identity(path), self

    def _marked(self, wanted: _Wanted) -> SavedSession:
        """Return what is to be written with the digests of the structures decided about."""
        known = self._marks[1] if self._marks[0] == wanted.saved.source.fingerprint else {}
        decided = wanted.saved.decided
        new = marks_of(wanted.dataset, sorted(decided - known.keys()))
        marks = {s: mark for s, mark in (known | new).items() if s in decided}
        self._marks = (wanted.saved.source.fingerprint, marks)
        return replace(wanted.saved, marks=marks)

    def finish(self) -> None:
        """Write at once, in this thread: the process ends."""
        wanted = self._gather() if self._owed else None
        if wanted is not None:
            self._to_disk(wanted)


@atexit.register
def _finish() -> None:
    for saver in list(Saver._all):
        with suppress(Exception):
            saver.finish()


def _content(saved: SavedSession, packing: Packing | None = None) -> dict[str, Any]:
    """Return what is compared: all but the time."""
    return replace(saved, saved=0.0).to_dict(packing)


def _keys(saved: SavedSession) -> tuple[tuple[str, str | bool | None], ...]:
    return tuple(sorted(saved.source.keys.items()))


def _has_decisions(saved: SavedSession) -> bool:
    decided = saved.pinned or saved.rejected or saved.undo or saved.redo or saved.named_brushes
    return bool(decided or saved.title)


def _identity(path: Path) -> _Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
