"""The PostgreSQL server of a test run: `benchmarks/postgres_server.py`, by the names tests use.

The code stands with the benchmarks, which need a server too and may not import tests.
"""

from benchmarks.postgres_server import Run, shared_url, wait_until, with_query

__all__ = ["Run", "shared_url", "wait_until", "with_query"]
