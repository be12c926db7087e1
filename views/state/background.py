"""Background work of one user: progress, place in the queue, cancel, messages, trying again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import param

from analytics.runtime.errors import WorkerLost
from analytics.runtime.fair_queue import Running, Waiting
from analytics.runtime.progress import Monitor
from views.state.jobs import Job, Place, Runner, unheard

__all__ = ["Task", "Working", "waiting_words"]


@dataclass(frozen=True, slots=True)
class Task:
    """Work that the user asked for, as the page tells of it.

    Attributes
    ----------
    fraction : float
        How far it is, 0 to 1.
    message : str
        The step that is under way.
    waiting : Waiting, optional
        Where it stands in the queue; None while it is worked on.
    asked : bool
        Whether the user asked for it, or it is done ahead.
    """

    fraction: float = 0.0
    message: str = "starting"
    waiting: Waiting | None = None
    asked: bool = True

    def __str__(self) -> str:
        """Return a line for the user."""
        return self.message if self.waiting is None else waiting_words(self.waiting)


def waiting_words(waiting: Waiting) -> str:
    """Say where work stands in the queue, for whom it waits, and how long if that is known."""
    words = [f"waiting, place {waiting.place} in the queue"]
    running = [_running_words(each) for each in waiting.running]
    if running:
        words.append("now running: " + ", ".join(dict.fromkeys(running)))
    if waiting.estimate is not None:
        words.append(f"begins in about {_time_words(waiting.estimate)}")
    return " · ".join(words)


def _running_words(running: Running) -> str:
    whose = "yours" if running.own else "another user's"
    share = f", {100 * running.fraction:.0f} %" if running.fraction > 0 else ""
    return f"{running.name} ({whose}{share})"


def _time_words(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


class Working(param.Parameterized):
    """Runs work and tells how it goes; results are handed over where state may be touched."""

    progress = param.Number(-1.0, doc="How far the newest work is, 0..1; -1 when idle.")
    working_on = param.String("", doc="What is under way, or what it waits for.")
    unasked = param.Boolean(False, doc="Whether nobody asked for any of what is under way.")
    tasks = param.Dict(default={}, doc="Stage -> `Task`, of what was asked for, the newest last.")
    notice = param.Tuple(default=("", ""), length=2, doc="(severity, text) of the last message.")

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(**params)
        self._runner = runner
        self._failed = ("", ("", ""))  # the last stage that failed, and what was told of it
        self._again: tuple[tuple[str, str], Callable[[], None]] | None = None

    @property
    def busy(self) -> bool:
        """Whether work that the user asked for is under way."""
        return bool(self.tasks)

    @property
    def again(self) -> Callable[[], None] | None:
        """What asks again for the work whose loss is the last message, if that is one."""
        return self._again[1] if self._again is not None and self._again[0] is self.notice else None

    def run(
        self,
        stage: str,
        work: Callable[[Monitor], Any],
        done: Callable[[Any], None],
        *,
        failed: Callable[[Exception], None] | None = None,
        again: Callable[[], None] | None = None,
        tick: Callable[[], None] | None = None,
        place: Place = "workers",
        quiet: bool = False,
    ) -> None:
        """Run work of another stage of the page in the background.

        Parameters
        ----------
        stage : str
            A newer request for the same stage cancels the older one.
        work : callable
            Gets a monitor; runs in a thread, touches no state, and leaves what takes longer than
            a moment to the worker processes.
        done, failed : callable
            Get the result, or the error, where state may be touched; an error is told to the
            user in any case.
        again : callable, optional
            Asks for the work again if its process was lost; default: the same work once more.
        tick : callable, optional
            Called whenever the work has reported, where state may be touched: for results that
            stream in.
        place : str
        quiet : bool
            Show no progress: for what takes a fraction of a second.
        """

        def once_more() -> None:
            self.run(
                stage, work, done, failed=failed, again=again, tick=tick, place=place, quiet=quiet
            )

        def fail(error: Exception) -> None:
            self._fail(error, again or once_more)
            self._failed = (stage, self.notice)
            if failed is not None:
                failed(error)

        def progress(*_: Any) -> None:
            if tick is not None:
                tick()

        if quiet:
            heard = progress if tick is not None else unheard
            self._runner.submit(Job(stage, work, done, fail, heard, place=place))
        else:
            # asked again after it failed: what went wrong then is no news any more
            news = ("", "") if self._failed == (stage, self.notice) else self.notice
            self._submit(stage, work, done, fail, tick=progress, place=place, news=news)

    def _submit(
        self,
        stage: str,
        work: Callable[[Monitor], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] | None = None,
        *,
        tick: Callable[[], None] = lambda: None,
        place: Place = "workers",
        news: tuple[str, str] = ("", ""),
    ) -> None:
        """Start work; what was told before goes, unless it is to stay as `news`."""

        def finish(result: Any) -> None:
            self._over(stage)
            done(result)

        def fail(error: Exception) -> None:
            self._over(stage)
            if failed is not None:
                failed(error)
            else:
                self._fail(error, once_more)

        def once_more() -> None:
            self._submit(stage, work, done, failed, tick=tick, place=place)

        def report(fraction: float, message: str) -> None:
            within = float(min(1.0, max(0.0, fraction)))
            self._tell(stage, Task(within, message, asked=place != "ahead"))
            tick()

        def waits(waiting: Waiting | None) -> None:
            self._tell(stage, replace(self.tasks.get(stage, first), waiting=waiting))
            tick()

        self.notice = news
        first = Task(asked=place != "ahead")
        others = {name: task for name, task in self.tasks.items() if name != stage}
        self._tell_all({**others, stage: first})
        self._runner.submit(Job(stage, work, finish, fail, report, waits, place))

    def stop(self, stage: str) -> None:
        """Stop the work of one stage; its result is no longer wanted."""
        self._runner.cancel(stage)
        self._over(stage)

    def _over(self, stage: str) -> None:
        self._tell_all({name: task for name, task in self.tasks.items() if name != stage})

    def _tell(self, stage: str, task: Task) -> None:
        if stage in self.tasks:
            self._tell_all({**self.tasks, stage: task})

    def _tell_all(self, tasks: dict[str, Task]) -> None:
        """Say how all work stands: the newest in words, of the others that there are some.

        What was asked for comes first: it is what somebody waits for.
        """
        if not tasks:
            self.param.update(tasks={}, progress=-1.0, working_on="", unasked=False)
            return
        asked = [task for task in tasks.values() if task.asked]
        newest = (asked or list(tasks.values()))[-1]
        more = f" (and {len(tasks) - 1} more)" if len(tasks) > 1 else ""
        self.param.update(
            tasks=tasks,
            progress=newest.fraction,
            working_on=f"{newest}{more}",
            unasked=not asked,
        )

    def _fail(self, error: Exception, again: Callable[[], None] | None = None) -> None:
        """Tell an error; `again` asks once more, which is offered if the process was lost."""
        told = ("error", str(error) or type(error).__name__)
        if isinstance(error, WorkerLost) and again is not None:
            self._again = (told, again)
        self.notice = told
