"""Results in memory and on disk: what is held, what goes, and who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from makers import Recorder

from analytics.runtime.cache import EACH, MOST_MAPPED, Cache, shared_cache
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.progress import Monitor
from analytics.runtime.store import Store

KB = 1000
SECONDS = 60


@dataclass(frozen=True)
class Value:
    values: Any
    other: Any = None

    @cached_property
    def squares(self) -> np.ndarray:
        return np.concatenate([self.values**2] * 20)


def block(kilobytes: int) -> np.ndarray:
    return np.zeros(kilobytes * KB, np.uint8)


def value_of(kilobytes: int) -> Callable[[Monitor], Value]:
    return lambda monitor: Value(block(kilobytes))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(100 * KB, Store(tmp_path))


def never(monitor: Monitor) -> Any:
    raise AssertionError("made again")


# --- memory ------------------------------------------------------------------------------------


def test_a_result_is_made_once(cache: Cache) -> None:
    made = cache.result("a", value_of(1))
    assert cache.result("a", never) is made
    assert cache.get("a") is made
    assert cache.get("b") is None
    assert cache.result("none", lambda _: None) is cache.result("none", never) is None


def test_the_least_recently_used_goes_first_when_the_bytes_do_not_fit(cache: Cache) -> None:
    for key in "abc":
        cache.result(key, value_of(25))
    assert cache.size == 3 * (25 * KB + EACH)
    cache.get("a")
    cache.result("d", value_of(25))
    assert [key for key in "abcd" if cache.get(key) is not None] == ["a", "c", "d"]
    assert cache.size <= cache.limit
    cache.result("e", value_of(90))
    assert cache.count == 1


def test_many_small_results_are_bounded_too(cache: Cache) -> None:
    for number in range(200):
        cache.result(f"key{number}", lambda _: "text")
    assert cache.count == cache.limit // EACH


def test_a_result_larger_than_the_limit_is_returned_and_not_held(cache: Cache) -> None:
    small = cache.result("small", value_of(1))
    assert cache.result("large", value_of(100)).values.nbytes == 100 * KB
    assert cache.get("large") is None
    assert cache.get("small") is small
    nothing = Cache(0, cache.store)
    assert nothing.result("a", value_of(1)).values.nbytes == KB
    assert nothing.count == 0


def test_shared_arrays_count_once(cache: Cache) -> None:
    array = block(40)
    cache.result("a", lambda _: Value(array, (array[:10], {"x": array.reshape(2, -1)})))
    cache.result("b", lambda _: Value(array[5:]))
    assert cache.size == 40 * KB + 2 * EACH
    cache.result("c", value_of(55))  # pushes out a, but its bytes stay with b ...
    assert cache.get("a") is None
    assert cache.count == 1  # ... so that b goes too


def test_what_a_cached_property_keeps_counts_from_the_next_time_on(cache: Cache) -> None:
    value = cache.result("a", value_of(2))
    cache.result("b", value_of(60))
    assert value.squares.nbytes == 40 * KB
    cache.get("a")
    assert (cache.get("a"), cache.get("b")) == (value, None)
    cache.clear()
    assert (cache.count, cache.size) == (0, 0)


def test_clearing_forgets_memory_and_not_the_disk(cache: Cache) -> None:
    cache.result("a", value_of(1), made_by=(Value,))
    cache.clear()
    assert cache.get("a") is None
    assert cache.result("a", never, made_by=(Value,)).values.nbytes == KB


# --- disk --------------------------------------------------------------------------------------


def test_what_says_by_which_code_it_is_made_is_kept_on_disk(cache: Cache, tmp_path: Path) -> None:
    shared = np.arange(3)
    for made in (value_of(1), lambda _: None):
        key = f"key{made is not None}{id(made)}"
        cache.result(key, lambda _, made=made: made(_), made_by=(Value,))
        cache.result(f"{key}memory", made)
    assert len(list(tmp_path.glob("*.entry"))) == 2
    again = Cache(store=Store(tmp_path))
    assert again.result(key, never, made_by=(Value,)) is None
    known = {"array": shared}
    cache.result("known", lambda _: Value(shared), made_by=(Value,), known=known)
    assert again.result("known", never, made_by=(Value,), known=known).values is shared


def test_mapped_files_count_a_share_so_that_few_are_open(cache: Cache, tmp_path: Path) -> None:
    cache.result("a", value_of(50), made_by=(Value,))
    again = Cache(100 * KB, Store(tmp_path))
    found = again.result("a", never, made_by=(Value,))
    assert again.size == EACH + 100 * KB // MOST_MAPPED
    again.result("view", lambda _: Value(found.values[10:20]))
    assert again.size == 2 * EACH + 100 * KB // MOST_MAPPED


# --- single flight -----------------------------------------------------------------------------


@pytest.fixture
def in_thread() -> Iterator[Callable[..., threading.Thread]]:
    """Return a function that starts a thread; all of them must end."""
    threads: list[threading.Thread] = []

    def start(work: Callable[[], Any]) -> threading.Thread:
        threads.append(threading.Thread(target=work, daemon=True))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads)


class Reached(Recorder):
    """A monitor that tells when it hears a message, and may then cancel."""

    def __init__(self, message: str, cancel: bool = False) -> None:
        super().__init__()
        self.message, self.cancel, self.heard = message, cancel, threading.Event()

    def report(self, fraction: float, message: str = "") -> None:
        super().report(fraction, message)
        if message == self.message:
            self.heard.set()

    def checkpoint(self) -> None:
        if self.cancel and self.heard.is_set():
            raise Cancelled


def test_the_second_waits_and_hears_how_far_the_first_is(cache: Cache, in_thread) -> None:
    begun, let, found = threading.Event(), threading.Event(), []

    def make(monitor: Monitor) -> Value:
        monitor.report(0.5, "half")
        begun.set()
        assert let.wait(SECONDS)
        return Value(block(500))  # too large to be held: handed over all the same

    in_thread(lambda: found.append(cache.result("a", make)))
    assert begun.wait(SECONDS)
    waiting = Reached("half")
    in_thread(lambda: found.append(cache.result("a", never, monitor=waiting)))
    assert waiting.heard.wait(SECONDS)
    with pytest.raises(Cancelled):
        cache.result("a", never, monitor=Reached("half", cancel=True))
    assert cache.result("b", value_of(1)).values.nbytes == KB  # other keys wait for nobody
    let.set()
    in_thread(lambda: None).join()
    while len(found) < 2:
        waiting.heard.wait(0.01)
    assert found[0] is found[1]


@pytest.mark.parametrize("error", [Cancelled, ValueError])
def test_after_a_failure_the_next_one_makes_it(cache: Cache, in_thread, error: type) -> None:
    begun, let, seen, found = threading.Event(), threading.Event(), [], []

    def fail(monitor: Monitor) -> Value:
        monitor.report(0.5, "half")
        begun.set()
        assert let.wait(SECONDS)
        raise error

    def first() -> None:
        try:
            cache.result("a", fail)
        except error as caught:
            seen.append(caught)

    in_thread(first)
    assert begun.wait(SECONDS)
    waiting = [Reached("half") for _ in range(3)]
    threads = [
        in_thread(lambda m=m: found.append(cache.result("a", value_of(1), monitor=m)))
        for m in waiting
    ]
    assert all(monitor.heard.wait(SECONDS) for monitor in waiting)
    let.set()
    for thread in threads:
        thread.join(SECONDS)
    assert len(seen) == 1
    assert len({id(value) for value in found}) == 1
    assert len(found) == 3


def test_results_within_results(cache: Cache) -> None:
    inner = cache.result("outer", lambda m: cache.result("inner", value_of(1), monitor=m))
    assert cache.get("inner") is inner


def test_those_who_would_wait_for_each_other_do_not(cache: Cache, in_thread) -> None:
    """One makes a and needs b, the other makes b and needs a; neither can be left waiting."""
    both, found = threading.Barrier(2), {}

    def crossed(own: str, other: str) -> None:
        def make(monitor: Monitor) -> str:
            both.wait(SECONDS)
            return own + cache.result(other, lambda _: other, monitor=monitor)

        found[own] = cache.result(own, make)

    in_thread(lambda: crossed("a", "b"))
    in_thread(lambda: crossed("b", "a")).join(SECONDS)
    in_thread(lambda: None).join()
    while len(found) < 2:
        threading.Event().wait(0.01)
    assert {value[0] for value in found.values()} == {"a", "b"}
    assert cache.result("again", lambda _: cache.result("again", lambda _: "inner")) == "inner"


def test_many_threads_and_keys(tmp_path: Path, in_thread) -> None:
    """Hammered: every caller gets the value of its key, and the books balance at the end."""
    cache, wrong = Cache(40 * KB, Store(tmp_path, limit=0)), []

    def hammer(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for number in rng.integers(8, size=300).tolist():
            size = 1 + number

            def make(monitor: Monitor, size: int = size) -> Value:
                inner = cache.result(f"key{size - 1}", value_of(size - 1)) if size > 1 else None
                return Value(block(size), inner)

            found = cache.result(f"key{size}", make if number % 2 else value_of(size))
            if found.values.nbytes != size * KB:
                wrong.append(size)

    threads = [in_thread(lambda seed=seed: hammer(seed)) for seed in range(6)]
    for thread in threads:
        thread.join(SECONDS)
    assert wrong == []
    assert 0 < cache.size <= cache.limit
    assert not cache._flights
    assert not cache._waiting
    cache.clear()
    assert (cache.size, +cache._sharers) == (0, {})


# --- settings ----------------------------------------------------------------------------------


def test_the_environment_sets_up_the_cache_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WINNOW_MEMORY_CACHE", "3 MB")
    assert shared_cache() is shared_cache()
    assert shared_cache().limit == 3_000_000
    before = shared_cache()
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path))
    assert shared_cache() is not before
    assert shared_cache().store.folder == tmp_path
    monkeypatch.setenv("WINNOW_MEMORY_CACHE", "much")
    with pytest.raises(WinnowError, match="WINNOW_MEMORY_CACHE is 'much'"):
        shared_cache()
    monkeypatch.delenv("WINNOW_MEMORY_CACHE")
    monkeypatch.setattr("analytics.runtime.cache.physical_memory", lambda: 8e9)
    assert shared_cache().limit == 2_000_000_000
