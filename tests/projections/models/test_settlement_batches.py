"""A settlement batch's facts in, its row and its payouts' out; and what is to be done next."""

from datetime import date

import pytest
from sqlalchemy import Connection

from domain.accounting.rules import settlement
from domain.kernel import Fact
from domain.settlement.batch import (
    Collected,
    Matured,
    Opened,
    PayoutFailed,
    PayoutRetried,
    PayoutSucceeded,
    Reviewed,
    Sealed,
    Settled,
)
from projections.models.settlement_batches import (
    MODEL,
    Payout,
    SettlementBatch,
    payouts,
    settlement_batch,
    settlement_batches,
    to_seal,
    to_settle,
)
from tests.examples import (
    BATCH_ID,
    CHECKER,
    DIGEST,
    EXAMPLES,
    MAKER,
    MERCHANT,
    PAYOUT_NO,
    RELEASE_DAY,
    RETRY_NO,
    SETTLE_DAY,
    log,
)
from tests.projections.applied import apply

STREAM = f"settlement-{BATCH_ID}"
HEAD = (BATCH_ID, MERCHANT, RELEASE_DAY, "T+1", 5_000_000)
SUMS = (2, 15_000, 90, 2_000, 12_940)
LATER = "0" * 64
THIRD_NO = f"payout-{BATCH_ID}-3"


def example(name: str) -> Fact:
    return EXAMPLES[f"settlement.{name}.1"]


COLLECTING = [
    example("batch_opened"),
    example("batch_collected"),
    Collected(1, 5_000, 30, 2_000, 3_000, LATER),
]
SEALED = [*COLLECTING, example("batch_closed"), example("batch_reviewed")]
OUT = [*SEALED, example("batch_matured"), example("batch_instructed")]
OPENED = example("batch_opened")
EMPTY = Sealed(SETTLE_DAY, 1, 0, 0, "", MAKER)
CARRIED = Matured(9_500, 9_000, 0, 500, settlement.matured(SETTLE_DAY, MERCHANT, 9_000, 0))
FAILED_ENTRY = settlement.payout_failed(SETTLE_DAY, MERCHANT, 9_000)
DUE = (0, 9_940, 940, 0, 9_000)
EYES = (LATER, MAKER, CHECKER)
FAILED = Payout(PAYOUT_NO, BATCH_ID, 1, 9_000, "failed", "account name differs")

STAGES: list[tuple[str, list[Fact], SettlementBatch, list[Payout]]] = [
    (
        "collecting",
        COLLECTING,
        SettlementBatch(
            *HEAD, "collecting", None, *SUMS, 0, 0, 0, 0, 0, 0, LATER, "", "", last_position=3
        ),
        [],
    ),
    (
        "reviewed",
        SEALED,
        SettlementBatch(*HEAD, "reviewed", SETTLE_DAY, *SUMS, 0, 0, 0, 0, 0, 0, *EYES, 5),
        [],
    ),
    (
        "carried forward",
        [*SEALED, example("batch_carried_forward")],
        SettlementBatch(
            *HEAD, "carried_forward", SETTLE_DAY, *SUMS, -500, 0, 0, -1_988, 0, 0, *EYES, 6
        ),
        [],
    ),
    (
        "opened for a carry",
        [OPENED, EMPTY, example("batch_reviewed")],
        SettlementBatch(
            *HEAD,
            "reviewed",
            SETTLE_DAY,
            sealed_by=MAKER,
            reviewed_by=CHECKER,
            last_position=3,
        ),
        [],
    ),
    (
        "paying a carry",
        [OPENED, EMPTY, example("batch_reviewed"), CARRIED, example("batch_instructed")],
        SettlementBatch(
            *HEAD,
            "instructed",
            SETTLE_DAY,
            carry_in_fen=9_500,
            due_fen=9_000,
            carry_out_fen=500,
            payout_fen=9_000,
            sealed_by=MAKER,
            reviewed_by=CHECKER,
            last_position=5,
        ),
        [Payout(PAYOUT_NO, BATCH_ID, 1, 9_000, "instructed", "")],
    ),
    (
        "instructed",
        OUT,
        SettlementBatch(*HEAD, "instructed", SETTLE_DAY, *SUMS, *DUE, 0, *EYES, 7),
        [Payout(PAYOUT_NO, BATCH_ID, 1, 9_000, "instructed", "")],
    ),
    (
        "failed",
        [*OUT, example("payout_failed")],
        SettlementBatch(*HEAD, "failed", SETTLE_DAY, *SUMS, *DUE, 0, *EYES, 8),
        [FAILED],
    ),
    (
        "retried",
        [*OUT, example("payout_failed"), example("payout_retried")],
        SettlementBatch(*HEAD, "instructed", SETTLE_DAY, *SUMS, *DUE, 0, *EYES, 9),
        [
            Payout(PAYOUT_NO, BATCH_ID, 1, 9_000, "retried", "account name differs"),
            Payout(RETRY_NO, BATCH_ID, 2, 9_000, "instructed", ""),
        ],
    ),
    (
        "retried twice",
        [
            *OUT,
            example("payout_failed"),
            example("payout_retried"),
            PayoutFailed(RETRY_NO, 9_000, "account closed", FAILED_ENTRY),
            PayoutRetried(RETRY_NO, THIRD_NO, 9_000, FAILED_ENTRY),
            PayoutSucceeded(THIRD_NO, 9_000, FAILED_ENTRY),
            Settled(9_000),
        ],
        SettlementBatch(*HEAD, "settled", SETTLE_DAY, *SUMS, *DUE, 9_000, *EYES, 13),
        [
            Payout(PAYOUT_NO, BATCH_ID, 1, 9_000, "retried", "account name differs"),
            Payout(RETRY_NO, BATCH_ID, 2, 9_000, "retried", "account closed"),
            Payout(THIRD_NO, BATCH_ID, 3, 9_000, "succeeded", ""),
        ],
    ),
    (
        "settled",
        [*OUT, example("payout_succeeded"), example("batch_settled")],
        SettlementBatch(*HEAD, "settled", SETTLE_DAY, *SUMS, *DUE, 9_000, *EYES, 9),
        [Payout(PAYOUT_NO, BATCH_ID, 1, 9_000, "succeeded", "")],
    ),
    (
        "returned",
        [*OUT, example("payout_succeeded"), example("batch_settled"), example("payout_returned")],
        SettlementBatch(*HEAD, "returned", SETTLE_DAY, *SUMS, *DUE, 0, *EYES, 10),
        [Payout(PAYOUT_NO, BATCH_ID, 1, 9_000, "returned", "account closed")],
    ),
]


@pytest.mark.parametrize("size", [1, 2, 7, None])
@pytest.mark.parametrize(
    ("facts", "row", "paid"), [pytest.param(*stage[1:], id=stage[0]) for stage in STAGES]
)
def test_a_row_is_in_the_state_of_its_batch(
    books: Connection,
    facts: list[Fact],
    row: SettlementBatch,
    paid: list[Payout],
    size: int | None,
) -> None:
    apply(books, MODEL, log(*((STREAM, fact) for fact in facts)), size)
    assert settlement_batch(books, BATCH_ID) == row
    assert payouts(books, [BATCH_ID, "other"]).get(BATCH_ID, []) == paid


DAYS = [date(2010, 12, day) for day in (8, 9, 10, 11)]


def batch(merchant: str, day: date, *steps: Fact) -> list[tuple[str, Fact]]:
    stream = f"settlement-{merchant}-{day}"
    return [(stream, Opened(merchant, day, "D+1", None)), *((stream, step) for step in steps)]


def sealed(due: date) -> Sealed:
    return Sealed(due, 1, 0, 0, DIGEST, MAKER)


MANY = log(
    *batch("A", DAYS[0], sealed(DAYS[2]), Reviewed(CHECKER)),
    *batch("A", DAYS[1], sealed(DAYS[1])),
    *batch("A", DAYS[2]),
    *batch("B", DAYS[1]),
    *batch("B", DAYS[0], sealed(DAYS[1]), Reviewed(CHECKER), *OUT[-2:]),
)


@pytest.mark.parametrize(
    ("merchant", "from_", "to", "state", "found"),
    [
        pytest.param(None, None, None, None, ["A-08", "B-08", "A-09", "B-09", "A-10"], id="all"),
        pytest.param("A", None, None, None, ["A-08", "A-09", "A-10"], id="a merchant's"),
        pytest.param(None, DAYS[1], DAYS[2], None, ["A-09", "B-09"], id="half-open dates"),
        pytest.param("A", DAYS[1], None, "closed", ["A-09"], id="all conditions"),
    ],
)
def test_batches_are_found_by_merchant_date_and_state(
    books: Connection,
    merchant: str | None,
    from_: date | None,
    to: date | None,
    state: str | None,
    found: list[str],
) -> None:
    apply(books, MODEL, MANY)
    items = settlement_batches(books, merchant, from_, to, state).items
    assert [item.batch_id.replace("-2010-12", "") for item in items] == found


def test_the_days_work_is_found_when_its_time_has_come(books: Connection) -> None:
    apply(books, MODEL, MANY)

    def ids(items: list[SettlementBatch]) -> list[str]:
        return [item.batch_id.replace("-2010-12", "") for item in items]

    assert ids(to_seal(books, DAYS[0])) == []
    assert ids(to_seal(books, DAYS[1])) == ["B-09"]
    assert ids(to_seal(books, DAYS[2])) == ["B-09", "A-10"]
    assert ids(to_settle(books, DAYS[0])) == []
    assert ids(to_settle(books, DAYS[1])) == ["A-09"]
    assert ids(to_settle(books, DAYS[3])) == ["A-09", "A-08"]
    assert ids(to_settle(books, DAYS[3], limit=1)) == ["A-09"]
