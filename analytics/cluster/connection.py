"""Dask cluster: blocks of work on its workers, handed over in a fixed order.

The blocks are those that run on the cores of one machine otherwise, and what comes back is added
up here in the same order. So descriptors and kernel sums are the same to the last bit, provided
the workers run the same versions.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar

from analytics.cluster.transport import packed, unpacked
from analytics.runtime.errors import WinnowError
from analytics.runtime.parallel import running_on
from analytics.runtime.progress import Monitor

__all__ = ["Cluster", "connect", "scheduler_address"]

T = TypeVar("T")

#: Seconds between looks at the monitor while nothing has come back.
TICK = 0.1
#: Seconds to wait for the scheduler, and for a first worker.
PATIENCE = 15.0
#: Blocks on their way per thread of the cluster: enough that no worker waits for this process.
AHEAD = 4
#: How often one block may be sent again after its worker or its input was lost.
ATTEMPTS = 5


def scheduler_address(given: str | None = None) -> str | None:
    """Return the scheduler's address: the one given, else DASK_SCHEDULER_ADDRESS, else None."""
    return given or os.environ.get("DASK_SCHEDULER_ADDRESS") or None


@contextmanager
def connect(address: str | None = None) -> Iterator[Cluster | None]:
    """Run every long call inside on a Dask cluster, if an address is known.

    Parameters
    ----------
    address : str, optional
        Such as ``tcp://node7:8786``. Default: DASK_SCHEDULER_ADDRESS; without that, everything
        runs on this machine and the value is None.

    Raises
    ------
    WinnowError
        If Dask is not installed, or the scheduler or a worker cannot be reached.

    Examples
    --------
    >>> with connect("tcp://node7:8786"):
    ...     environments = winnow.describe(data)
    ...     information = winnow.analyse(data, environments)
    """
    address = scheduler_address(address)
    if address is None:
        yield None
        return
    cluster = Cluster(address)
    try:
        with running_on(cluster):
            yield cluster
    finally:
        cluster.close()


class Cluster:
    """An executor (`analytics.runtime.parallel`) whose blocks run on Dask workers.

    Parameters
    ----------
    address : str
        Of the scheduler.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise WinnowError(
                "a Dask cluster needs the package distributed, which is not installed: "
                "python -m pip install 'winnow-atomistic[cluster]'"
            ) from None
        self.address = address
        try:
            self._client = Client(address, timeout=PATIENCE, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise WinnowError(
                f"no Dask scheduler answers at {address} ({type(error).__name__})"
            ) from None
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            self.close()
            raise WinnowError(f"the Dask scheduler at {address} has no workers") from None

    @property
    def threads(self) -> int:
        """Number of threads of all workers now."""
        return max(1, int(sum(self._client.nthreads().values())))

    def close(self) -> None:
        """Leave the cluster; it goes on for others."""
        self._client.close()

    def in_order(
        self, work: Callable[[int], T], blocks: Sequence[int], monitor: Monitor, message: str
    ) -> Iterator[T]:
        """Yield `work(block)` for every block, in their order; see `analytics.runtime.parallel`.

        A block whose worker dies is computed by another one, or by the same when it is back.
        """
        return _Run(self._client, work, self.threads).results(blocks, monitor, message)


class _Run:
    """One call of `in_order`: what was sent, and what is on its way."""

    def __init__(self, client: Any, work: Callable[[int], Any], threads: int) -> None:
        self._client, self._ahead = client, AHEAD * threads
        self._content = packed(work)
        self._sent = self._send()

    def _send(self) -> Any:
        """Return a task whose result is the work.

        Every worker fetches it once. The scheduler can make it again when all that had it are
        lost, which scattered data are not.
        """
        from dask import config

        with config.set({"distributed.admin.large-graph-warning-threshold": "64 GB"}):
            return self._client.submit(_hold, self._content, pure=False)

    def _lost(self, error: BaseException) -> WinnowError:
        address = self._client.scheduler.address
        return WinnowError(
            f"the Dask workers at {address} were lost {ATTEMPTS} times ({type(error).__name__})"
        )

    def _submit(self, block: int) -> Any:
        return self._client.submit(_run_block, self._sent, int(block), pure=False, retries=2)

    def results(self, blocks: Sequence[int], monitor: Monitor, message: str) -> Iterator[Any]:
        """Yield the results in order, with a bounded number of blocks on their way."""
        pending: deque[Any] = deque()
        done = 0
        try:
            while done < len(blocks):
                for block in blocks[done + len(pending) : done + self._ahead]:
                    pending.append(self._submit(block))
                result = self._wait(pending.popleft(), blocks[done], monitor)
                done += 1
                yield result
                monitor.report(done / len(blocks), message)
                monitor.checkpoint()
        finally:
            if pending:
                self._client.cancel(list(pending))

    def _wait(self, future: Any, block: int, monitor: Monitor) -> Any:
        """Return the result of a block; one that got lost with a worker is sent again."""
        from concurrent.futures import CancelledError as Gone

        from distributed import TimeoutError as NotYet
        from distributed.scheduler import KilledWorker

        attempts = 0
        while True:
            try:
                finished = Event()
                future.add_done_callback(lambda _, finished=finished: finished.set())
                while not finished.wait(TICK):
                    monitor.checkpoint()
                return future.result(timeout=PATIENCE)
            except (KilledWorker, Gone, NotYet, OSError) as error:
                attempts += 1
                if attempts == ATTEMPTS:
                    raise self._lost(error) from error
                if isinstance(error, NotYet):
                    continue  # its worker died with the result, which is being made again
                self._sent = self._send()
                future = self._submit(block)
            except BaseException:
                future.cancel()
                raise


# ------------------------------------------------------------------------------- on the worker

_loaded: dict[int, tuple[bytes, Callable[[int], Any]]] = {}


def _hold(content: bytes) -> bytes:
    return content


def _run_block(content: bytes, block: int) -> Any:
    """Run one block; the work is unpacked once per process, and the last few are remembered."""
    from threadpoolctl import threadpool_limits

    # not per block: threads of one worker would restore each other's limits
    threadpool_limits(1, user_api="blas")
    held = _loaded.get(id(content))
    if held is None or held[0] is not content:
        while len(_loaded) >= 4:
            _loaded.pop(next(iter(_loaded)), None)
        held = _loaded[id(content)] = content, unpacked(content)
    return held[1](block)
