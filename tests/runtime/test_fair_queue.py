"""The queue: who comes next, what gives way, and what those who wait are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

import pytest

from analytics.runtime import fair_queue
from analytics.runtime.cache import Cache
from analytics.runtime.fair_queue import Asker, FairQueue, Turn, asking, who_asks
from analytics.runtime.store import Store

SECONDS = 60


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(fair_queue, "time", made)
    return made


def join(queue: FairQueue, who: Hashable, ahead: bool = False, kind: str = "work") -> Turn:
    with asking(who, ahead):
        return queue.join(kind, kind)


def begun(*turns: Turn) -> list[bool]:
    return [turn.begun.is_set() for turn in turns]


def test_users_come_in_the_order_in_which_they_were_served_last() -> None:
    queue = FairQueue(1)
    first = join(queue, "a")
    turns = [join(queue, who) for who in ("a", "a", "b", "c", "b")]
    assert begun(first, *turns) == [True, *[False] * 5]
    order, running = [], first
    for _ in turns:
        queue.leave(running, True)
        (running,) = (turn for turn in turns if turn.begun.is_set() and turn not in order)
        order.append(running)
    assert [turns.index(turn) for turn in order] == [2, 3, 0, 4, 1]  # b c a b a


def test_places_are_told_in_that_order() -> None:
    queue = FairQueue(1)
    join(queue, "a")
    mine, other, again = join(queue, "a"), join(queue, "b"), join(queue, "b")
    assert [queue.waiting(turn).place for turn in (other, mine, again)] == [1, 2, 3]
    told = queue.waiting(mine)
    assert (told.own, [(r.name, r.own) for r in told.running]) == (1, [("work", True)])
    assert str(told) == "waiting: place 2 in the queue"


def test_what_is_ahead_waits_leaves_a_place_and_gives_way() -> None:
    queue = FairQueue(2)
    one, two = join(queue, "a", ahead=True), join(queue, "b", ahead=True)
    assert begun(one, two) == [True, False]  # one place is left for what is looked at
    three, four = join(queue, "c"), join(queue, "c")
    assert begun(three, four) == [True, False]
    assert [t.interrupted.is_set() for t in (one, three)] == [True, False]
    queue.rejoin(one)
    assert begun(one, four, two) == [False, True, False]
    for turn in (three, four):
        queue.leave(turn, True)
    assert begun(one, two) == [False, True]  # its user has not been served yet


def test_what_is_ahead_comes_to_the_front_when_somebody_looks_at_it() -> None:
    queue = FairQueue(1)
    running, behind = join(queue, "a"), join(queue, "a")
    with asking("b", ahead=True) as asker:
        ahead = queue.join("work")
    assert queue.waiting(ahead).place == 2
    asker.ahead = False
    assert queue.waiting(ahead).place == 1
    queue.leave(running, True)
    assert begun(ahead, behind) == [True, False]


def test_an_estimate_is_given_only_where_something_is_known(clock: Clock) -> None:
    queue = FairQueue(1)
    running, waiting, last = (join(queue, "a", kind=kind) for kind in ("x", "y", "x"))
    assert queue.waiting(waiting).estimate is None
    clock.now += 10
    running.fraction = 0.25
    assert queue.waiting(waiting).estimate == pytest.approx(30.0)
    assert queue.waiting(last).estimate is None  # how long y takes is not known
    clock.now += 10
    queue.leave(running, True)
    again, later = join(queue, "b", kind="x"), join(queue, "b", kind="y")
    queue.leave(waiting, False)  # was cancelled: says nothing about how long it takes
    assert begun(again) == [True]
    assert queue.waiting(last).estimate == pytest.approx(20.0)
    assert queue.waiting(later).estimate == pytest.approx(40.0)
    assert str(queue.waiting(last)).endswith("begins in about 20 s")


def test_who_asks_is_known_to_the_thread_that_says_so() -> None:
    found: list[Asker] = []
    with asking("a", ahead=True):
        thread = threading.Thread(target=lambda: found.append(who_asks()))
        thread.start()
        thread.join(SECONDS)
        assert (who_asks().who, who_asks().ahead) == ("a", True)
    assert [(asker.who, asker.ahead) for asker in [*found, who_asks()]] == [(None, False)] * 2


def test_whoever_waits_for_a_result_made_ahead_looks_at_it(tmp_path) -> None:
    cache, asked, go_on = Cache(store=Store(tmp_path)), [], threading.Event()

    def make(_: object) -> int:
        asked.append(who_asks())
        assert go_on.wait(SECONDS)
        return 1

    def ahead() -> None:
        with asking("a", ahead=True):
            cache.result("key", make)

    threads = [
        threading.Thread(target=ahead),
        threading.Thread(target=lambda: cache.result("key", make)),
    ]
    threads[0].start()
    until = time.monotonic() + SECONDS
    while not asked and time.monotonic() < until:
        time.sleep(0.01)
    threads[1].start()
    while asked[0].ahead and time.monotonic() < until:
        time.sleep(0.01)
    assert not asked[0].ahead
    go_on.set()
    for thread in threads:
        thread.join(SECONDS)
    assert len(asked) == 1
