"""A loop for a thread of our own, chosen without touching anything else of the process."""

import logging

from api.operations.loops import loop_factory


def test_choosing_a_loop_sets_up_no_log() -> None:
    """The server's own chooser configures its logs on the way: then they went to standard output,
    which nobody reads, and the server stood still when that was full."""
    names = ("uvicorn", "uvicorn.access", "uvicorn.error")
    before = [list(logging.getLogger(name).handlers) for name in names]
    loop = loop_factory()()
    loop.close()
    assert [list(logging.getLogger(name).handlers) for name in names] == before
