"""Job queue, fair between users, and behind what is looked at what is only prepared.

Who asks is said by the thread that asks, `asking`. Of those who wait comes first who was served
longest ago, and of one user what was asked for first. What nobody looks at yet (``ahead=True``)
comes after everything else, never takes the last place, and is interrupted and begun again later
where somebody would have to wait for it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf, isfinite
from statistics import median

__all__ = ["Asker", "FairQueue", "Running", "Turn", "Waiting", "asking", "who_asks"]

#: Work of one kind is expected to take as long as the median of so many before.
REMEMBERED = 5
#: Kinds of work, and users, that are remembered.
MOST = 1000
#: From this share on the time that is left is told from how far work has come.
TELLING = 0.1


@dataclass(frozen=True, slots=True)
class Running:
    """Work that somebody waits for.

    Attributes
    ----------
    name : str
        The kind of work.
    own : bool
        Whether it is for the user who waits.
    ahead : bool
        Whether nobody looks at it yet.
    fraction : float
        How far it is, 0 to 1.
    """

    name: str
    own: bool
    ahead: bool
    fraction: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where work stands in the queue.

    Attributes
    ----------
    place : int
        1 is next.
    own : int
        How many of those before it are for the same user.
    running : tuple of Running
        What it waits for.
    estimate : float or None
        Seconds until it begins, from how far the others are and how long work of their kind took
        before; None where that is not known.
    """

    place: int
    own: int
    running: tuple[Running, ...]
    estimate: float | None

    def __str__(self) -> str:
        """Return a line for a progress report, the same for every reader."""
        when = (
            "" if self.estimate is None else f", begins in about {max(1, round(self.estimate))} s"
        )
        return f"waiting: place {self.place} in the queue{when}"


class Asker:
    """Whom work is done for.

    Parameters
    ----------
    who : hashable
        A user; None is one too.
    ahead : bool
        Whether nobody looks at the result yet. Becomes false when somebody does.
    tell : callable, optional
        Told a `Waiting` while work waits, and None when it begins, in the thread that asks.
    """

    def __init__(
        self,
        who: Hashable = None,
        ahead: bool = False,
        tell: Callable[[Waiting | None], None] | None = None,
    ) -> None:
        self.who, self.ahead = who, ahead
        self.tell = tell or (lambda waiting: None)


_asker: ContextVar[Asker | None] = ContextVar("asker", default=None)


@contextmanager
def asking(
    who: Hashable = None,
    ahead: bool = False,
    tell: Callable[[Waiting | None], None] | None = None,
) -> Iterator[Asker]:
    """Say whom the work inside is done for; it holds for the thread that enters it. See `Asker`."""
    asker = Asker(who, ahead, tell)
    token = _asker.set(asker)
    try:
        yield asker
    finally:
        _asker.reset(token)


def who_asks() -> Asker:
    """Return whom the work of this thread is done for."""
    return _asker.get() or Asker()


class Turn:
    """One piece of work in the queue.

    Attributes
    ----------
    fraction : float
        How far it is.
    interrupted : Event
        Set when somebody waits for its place: it is to stop and join the queue again.
    """

    def __init__(self, asker: Asker, name: str, kind: Hashable, number: int) -> None:
        self.asker, self.name, self.kind, self.number = asker, name, kind, number
        self.fraction, self.began = 0.0, -inf
        self.begun, self.interrupted = threading.Event(), threading.Event()

    @property
    def ahead(self) -> bool:
        """Whether nobody looks at its result yet."""
        return self.asker.ahead


class FairQueue:
    """Gives a number of places to those who wait.

    Parameters
    ----------
    places : int
    """

    def __init__(self, places: int) -> None:
        self._places, self._lock = places, threading.Lock()
        self._numbers, self._starts = count(), count()
        self._waiting: list[Turn] = []
        self._running: list[Turn] = []
        self._served: OrderedDict[Hashable, int] = OrderedDict()
        self._durations: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def join(self, name: str, kind: Hashable = None) -> Turn:
        """Wait for a place from now on.

        Parameters
        ----------
        name : str
            Told to those who wait, whoever they are.
        kind : hashable
            Work of the same kind takes about as long.
        """
        turn = Turn(who_asks(), name, kind, next(self._numbers))
        with self._lock:
            self._waiting.append(turn)
            self._serve()
        return turn

    def wait(self, turn: Turn, patience: float) -> bool:
        """Return whether it has a place; wait for one at most so many seconds."""
        with self._lock:
            self._serve()  # somebody may have begun to look at what was ahead
        return turn.begun.wait(patience)

    def rejoin(self, turn: Turn) -> None:
        """Give up the place of what was interrupted, and wait for another."""
        with self._lock:
            self._running.remove(turn)
            turn.begun.clear()
            turn.interrupted.clear()
            turn.fraction = 0.0
            self._waiting.append(turn)
            self._serve()

    def leave(self, turn: Turn, done: bool) -> None:
        """Give up the place, or the wish for one; `done` if the work came to its end."""
        with self._lock:
            if turn in self._running:
                self._running.remove(turn)
                if done:
                    self._remember(turn.kind, time.monotonic() - turn.began)
            else:
                self._waiting.remove(turn)
            self._serve()

    def waiting(self, turn: Turn) -> Waiting:
        """Return where work stands that waits."""
        with self._lock:
            order = self._order()
            before = order[: order.index(turn)] if turn in order else []
            who = turn.asker.who
            running = tuple(
                Running(each.name, each.asker.who == who, each.ahead, each.fraction)
                for each in self._running
            )
            own = sum(each.asker.who == who for each in [*before, *self._running])
            return Waiting(len(before) + 1, own, running, self._estimate(turn, before))

    # ---- with the lock held -----------------------------------------------------------------

    def _serve(self) -> None:
        """Give free places to who comes next; ask for one where only work ahead is in the way."""
        for turn in self._order():
            if len(self._running) >= self._places:
                break
            ahead = sum(each.ahead for each in self._running)
            if turn.ahead and ahead >= max(1, self._places - 1):
                break
            self._waiting.remove(turn)
            self._running.append(turn)
            self._note(turn, self._served)
            turn.began = time.monotonic()
            turn.begun.set()
        wanted = sum(not turn.ahead for turn in self._waiting)
        wanted -= sum(each.interrupted.is_set() for each in self._running)
        for turn in reversed(self._running):
            if wanted > 0 and turn.ahead and not turn.interrupted.is_set():
                turn.interrupted.set()
                wanted -= 1

    def _order(self) -> list[Turn]:
        """Return those who wait in the order in which they will be served."""
        left, served, order = list(self._waiting), dict(self._served), []
        while left:
            first = min(left, key=lambda t: (t.ahead, served.get(t.asker.who, -1), t.number))
            left.remove(first)
            order.append(first)
            served[first.asker.who] = 1 + max(served.values(), default=0)
        return order

    def _note(self, turn: Turn, served: OrderedDict[Hashable, int]) -> None:
        served[turn.asker.who] = next(self._starts)
        served.move_to_end(turn.asker.who)
        if len(served) > MOST:
            served.popitem(last=False)

    def _remember(self, kind: Hashable, seconds: float) -> None:
        self._durations.setdefault(kind, deque(maxlen=REMEMBERED)).append(seconds)
        self._durations.move_to_end(kind)
        if len(self._durations) > MOST:
            self._durations.popitem(last=False)

    def _duration(self, turn: Turn) -> float:
        """Return how long work is expected to take in all; infinity if that is not known."""
        known = self._durations.get(turn.kind)
        return median(known) if known else inf

    def _left(self, turn: Turn) -> float:
        """Return how long work that runs is expected to take from now on."""
        if turn.ahead:
            return 0.0  # it is interrupted
        past = time.monotonic() - turn.began
        if turn.fraction >= TELLING:
            return past * (1.0 - turn.fraction) / turn.fraction
        return max(0.0, self._duration(turn) - past)

    def _estimate(self, turn: Turn, before: list[Turn]) -> float | None:
        free = [self._left(each) for each in self._running]
        free += [0.0] * (self._places - len(free))
        heapify(free)
        for each in before:
            heappush(free, heappop(free) + self._duration(each))
        return free[0] if isfinite(free[0]) else None
