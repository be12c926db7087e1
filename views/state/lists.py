"""Lists: a saved selection, or one read from an index file, as a column. No Panel."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import param

from analytics.curation.index_files import read_selection
from analytics.runtime.progress import Monitor
from analytics.selection.given import GivenSpec, written
from views.state.brushing import tidy
from views.state.columns import GIVEN, Choice
from views.state.decisions import Deciding

__all__ = ["MOST_LISTS", "Listing"]

#: Selections that are kept under a name.
MOST_LISTS = 50


class Listing(Deciding):
    """Keeps selections under a name, and shows them, or those of a file, in a column."""

    kept_lists = param.Dict(
        default={}, doc="Name -> indices of the original file, as `GivenSpec` has them."
    )

    def keep_list(self, column: int, name: str) -> bool:
        """Keep what a column keeps at the budget under a name; one that has it is replaced.

        Returns
        -------
        bool
            Whether it was kept: nothing without a name or without an order is.
        """
        name, data, order = tidy(name), self.dataset, self.every_slot[column].selection
        full = name not in self.kept_lists and len(self.kept_lists) >= MOST_LISTS
        if not name or data is None or order is None or full:
            return False
        kept = data.frame_indices[order.structures[: self.budget]]
        self.kept_lists = self.kept_lists | {name: written(kept.tolist())}
        self.param.trigger("chosen")
        return True

    def drop_list(self, name: str) -> None:
        """Keep a selection no longer; columns that show it go on doing so."""
        self.kept_lists = {n: held for n, held in self.kept_lists.items() if n != name}
        self.param.trigger("chosen")

    def show_kept_list(self, column: int, name: str) -> None:
        """Show a kept selection in a column."""
        if name in self.kept_lists:
            self._show_list(column, self.kept_lists[name], name)

    def show_list(self, column: int, indices: Iterable[int], name: str) -> None:
        """Show structures in a column, in their order.

        Parameters
        ----------
        column : int
            One that is not shown yet comes in.
        indices : iterable of int
            Of the original file, each once.
        name : str
            What the column is called.
        """
        self._show_list(column, written(indices), name)

    def read_list(self, column: int, path: str | Path) -> None:
        """Show the selection of a file in a column; see `read_selection`."""
        data, name = self.dataset, Path(path).name
        if data is None:
            return

        def work(monitor: Monitor) -> tuple[int, ...]:
            place = self.places.allowed(path)
            return self.compute(read_selection, place, data, name="a list", monitor=monitor)

        def done(indices: tuple[int, ...]) -> None:
            if self.dataset is data:
                self.show_list(column, indices, name)

        self.run(f"list {column}", work, done)

    def _show_list(self, column: int, indices: str, name: str) -> None:
        choice = Choice(GIVEN, self._wanted(column).seed, GivenSpec(indices, name))
        if choice != self._wanted(column):
            self._remember(f"column {column + 1}, {name}")
            self._run_slots({column: choice})
            self.n_columns = max(self.n_columns, column + 1)
