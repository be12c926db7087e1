"""LRU cache of results, bounded in bytes: in memory for all sessions, and on disk between runs.

Whoever asks for what somebody else is working out waits for it instead of working it out as well
(single flight); in memory the least recently used goes first.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from analytics.runtime.arrays import fingerprint
from analytics.runtime.environment import size_from
from analytics.runtime.fair_queue import who_asks
from analytics.runtime.memory import buffers_of, physical_memory
from analytics.runtime.packing import pack, unpack
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.provenance import code_version
from analytics.runtime.store import Store, default_folder, default_limit

__all__ = ["Cache", "default_memory", "shared_cache"]

T = TypeVar("T")

#: Share of the machine's memory that results may hold unless WINNOW_MEMORY_CACHE says otherwise.
SHARE = 0.25
#: What a result counts for besides its arrays, bytes: its objects, and that it has to be found.
EACH = 4096
#: Most files that are mapped at a time. The system drops their pages when it needs the memory, so
#: that their size does not count; but each holds a file descriptor, of which there are about 1000.
MOST_MAPPED = 256
#: Seconds between two looks at the monitor while somebody else computes.
TICK = 0.1

_ABSENT: Any = object()


class _Flight:
    """A computation under way, and those who wait for it."""

    def __init__(self) -> None:
        self.owner, self.asker = threading.get_ident(), who_asks()
        self.over = threading.Event()
        self.step, self.value = (0.0, ""), _ABSENT

    def wait(self, monitor: Monitor) -> None:
        """Return when it is over; report meanwhile how far it is."""
        while not self.over.wait(TICK):
            if not who_asks().ahead:
                self.asker.ahead = False  # somebody looks at it now
            monitor.report(*self.step)
            monitor.checkpoint()


class _Relay:
    """The monitor of the one who computes, overheard by those who wait."""

    def __init__(self, monitor: Monitor, flight: _Flight) -> None:
        self._monitor, self._flight = monitor, flight

    def report(self, fraction: float, message: str = "") -> None:
        self._flight.step = (fraction, message)
        self._monitor.report(fraction, message)

    def checkpoint(self) -> None:
        self._monitor.checkpoint()


@dataclass(slots=True)
class _Held:
    """A result in memory.

    Attributes
    ----------
    value
    buffers : dict of int to int
        What it counts for, by buffer; a buffer that two results share counts once.
    attributes : int
        How many the value had when it was measured: cached properties add to them.
    """

    value: Any
    buffers: dict[int, int] = field(default_factory=dict)
    attributes: int = 0


class Cache:
    """Results by key; safe to use from many threads.

    Parameters
    ----------
    limit : int, optional
        Bytes that results may hold in memory; 0 holds none. A larger one is returned and not held.
        Default: the environment variable WINNOW_MEMORY_CACHE, or a quarter of the machine's memory.
    store : Store, optional
        Where results are kept between runs; one with ``limit=0`` keeps none.
    """

    def __init__(self, limit: int | None = None, store: Store | None = None) -> None:
        self.limit = default_memory() if limit is None else limit
        self.store = store or Store()
        self._lock = threading.Lock()
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._sharers: Counter[int] = Counter()
        self._size = 0
        self._flights: dict[str, _Flight] = {}
        self._waiting: dict[int, _Flight] = {}  # by thread

    @property
    def size(self) -> int:
        """Bytes that results in memory count for."""
        return self._size

    @property
    def count(self) -> int:
        """Results in memory."""
        return len(self._held)

    def get(self, key: str) -> Any:
        """Return a result from memory, or None."""
        with self._lock:
            found = self._find(key)
        return None if found is _ABSENT else found

    def clear(self) -> None:
        """Forget what is in memory; what is on disk stays."""
        with self._lock:
            while self._held:
                self._drop(next(iter(self._held)))

    def result(
        self,
        key: str,
        make: Callable[[Monitor], T],
        *,
        made_by: tuple[Any, ...] = (),
        known: Mapping[str, Any] | None = None,
        monitor: Monitor = SILENT,
    ) -> T:
        """Return a result from memory, from disk, or made now.

        If another thread is making it, that one's progress is reported until it is there. What
        fails or is cancelled is not remembered: then the next of those who wait makes it.

        Parameters
        ----------
        key : str
            Of everything that the result depends on, except code: a `fingerprint`.
        make : function of a monitor
            May ask for other results.
        made_by : tuple of functions and classes
            Whose code makes it, `code_version`: part of the key on disk. Without any the result
            stays in memory.
        known : mapping, optional
            Parts of the result that whoever asks has as well; they are not written, see `pack`.
        monitor : Monitor
        """
        me = threading.get_ident()
        while True:
            with self._lock:
                found = self._find(key)
                if found is not _ABSENT:
                    return found  # type: ignore[no-any-return]
                other = self._flights.get(key)
                if other is None or self._waits_for(other, me):
                    flight = _Flight()
                    self._flights.setdefault(key, flight)
                    break
                self._waiting[me] = other
            try:
                other.wait(monitor)
            finally:
                with self._lock:
                    del self._waiting[me]
            if other.value is not _ABSENT:
                return other.value  # type: ignore[no-any-return]
        try:
            place = self.place(key, made_by)
            value = self._load(place, known or {})
            if value is _ABSENT:
                value = make(_Relay(monitor, flight))
                self._save(place, value, known or {})
            self._hold(key, value)
            flight.value = value
            return value  # type: ignore[no-any-return]
        finally:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            flight.over.set()

    def place(self, key: str, made_by: tuple[Any, ...]) -> str | None:
        """Return the key on disk of a result; None if it stays in memory. See `result`."""
        return fingerprint(key, code_version(*made_by)) if made_by else None

    def _waits_for(self, flight: _Flight, thread: int) -> bool:
        """Whether a computation waits, through others, for a thread: it must not wait in turn."""
        owner = flight.owner
        while owner != thread:
            if owner not in self._waiting:
                return False
            owner = self._waiting[owner].owner
        return True

    # ---- in memory --------------------------------------------------------------------------

    def _find(self, key: str) -> Any:
        held = self._held.get(key)
        if held is None:
            return _ABSENT
        self._held.move_to_end(key)
        if held.attributes != _attributes(held.value):
            self._put(key, self._measured(held.value))
        return held.value

    def _measured(self, value: Any) -> _Held:
        attributes, buffers = _attributes(value), buffers_of(value)
        mapped = dict.fromkeys(buffers.mapped, self.limit // MOST_MAPPED)
        return _Held(value, {**buffers.owned, **mapped}, attributes)

    def _hold(self, key: str, value: Any) -> None:
        held = self._measured(value)
        with self._lock:
            self._put(key, held)

    def _put(self, key: str, held: _Held) -> None:
        """Hold a result if it fits, and drop what was used longest ago."""
        if key in self._held:
            self._drop(key)
        if EACH + sum(held.buffers.values()) > self.limit:
            return
        self._held[key] = held
        self._size += EACH
        for place, size in held.buffers.items():
            self._size += 0 if self._sharers[place] else size
            self._sharers[place] += 1
        while self._size > self.limit:
            self._drop(next(iter(self._held)))

    def _drop(self, key: str) -> None:
        held = self._held.pop(key)
        self._size -= EACH
        for place, size in held.buffers.items():
            self._sharers[place] -= 1
            if not self._sharers[place]:
                del self._sharers[place]
                self._size -= size

    # ---- on disk ----------------------------------------------------------------------------

    def _load(self, place: str | None, known: Mapping[str, Any]) -> Any:
        entry = None if place is None else self.store.load(place)
        if entry is None:
            return _ABSENT
        try:
            return unpack(entry.tree, entry.arrays, known)
        except Exception:  # a plug-in that is no longer there, for one: it is made again
            return _ABSENT

    def _save(self, place: str | None, value: Any, known: Mapping[str, Any]) -> None:
        if place is None or self.store.limit == 0 or place in self.store:
            return  # whoever made it, in another process, has written it
        try:
            tree, arrays = pack(value, known)
        except TypeError:  # of a plug-in; in memory it can stay
            return
        self.store.save(place, tree, **arrays)


def _attributes(value: Any) -> int:
    return len(getattr(value, "__dict__", ()))


def default_memory() -> int:
    """Return the bytes that results may hold: WINNOW_MEMORY_CACHE, or a share of the memory."""
    return size_from("WINNOW_MEMORY_CACHE", int(min(SHARE * physical_memory(), 2**62)))


def shared_cache() -> Cache:
    """Return the cache that all of this process shares, as the environment sets it up."""
    return _cache_of(default_folder(), default_limit(), default_memory())


@lru_cache(maxsize=1)
def _cache_of(folder: Path, disk: int, memory: int) -> Cache:
    return Cache(memory, Store(folder, disk))
