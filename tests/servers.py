"""The PostgreSQL server of a test run: `benchmarks/postgres_server.py`, by the names tests use.

The code stands with the benchmarks, which need a server too and may not import tests.
"""

import signal

from benchmarks.postgres_server import Run, shared_url, wait_until, with_query

__all__ = ["Run", "heed_ctrl_c", "shared_url", "wait_until", "with_query"]


def heed_ctrl_c() -> None:
    """As `preexec_fn` of a child that will be sent SIGINT: a test run that was itself started in
    the background ignores that signal, and its children would inherit it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
