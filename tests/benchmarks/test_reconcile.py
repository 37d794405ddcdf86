"""`zhangfang bench reconcile`: what it measures; never how fast."""

import pytest

from benchmarks.databases import Databases
from benchmarks.figures import Backend
from benchmarks.reconcile.files import TRADE, WRITERS
from benchmarks.reconcile.measuring import Bills, measure_matching, measure_reading

LINES = 2_000  # Two of them say another amount.


def test_every_format_is_read_to_its_end_beside_the_floor() -> None:
    found = {one.format: one for one in measure_reading(Bills((LINES,)), lambda _: None)}
    assert set(found) == {*WRITERS, "csv"}
    for one in found.values():
        assert one.lines == LINES
        assert one.seconds > 0
        assert 0 < one.before_mib <= one.peak_mib
    assert found["csv"].times_floor == 1
    assert all(found[name].times_floor > 1 for name in WRITERS)


@pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_a_bill_is_matched_with_books_of_as_many_payments(
    backend: Backend, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres_url") if backend == "postgresql" else None
    made = Databases(tmp_path_factory.mktemp("ledgers"), server)
    # Raises RuntimeError where a line is matched with nothing, or what differs is not found.
    found = measure_matching(made, backend, Bills((LINES,)), lambda _: None)
    assert [one.format for one in found] == list(TRADE)
    for one in found:
        assert (one.backend, one.lines) == (backend, LINES)
        assert min(one.import_seconds, one.fill_seconds, one.match_seconds) > 0
        assert 0 < one.before_mib <= one.peak_mib
