"""What falls due of a batch, what recovers a debt, what is carried: one table, then properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.settlement.maturity import MAX_TRANSFERS, Maturity, mature

MOST = 1_000  # The largest transfer of the rows that have one.
CAN_PAY = MAX_TRANSFERS * MOST


# net, carry in, pending, debt, largest transfer -> recovered, paid out, carried on (all fen)
@pytest.mark.parametrize(
    ("net", "carry", "pending", "debt", "most", "recovered", "payout", "carried"),
    [
        pytest.param(9_000, 0, 9_000, 0, None, 0, 9_000, 0, id="all of it"),
        pytest.param(0, 0, 5_000, 0, None, 0, 0, 0, id="an empty batch takes no other's money"),
        pytest.param(9_000, 0, 12_000, 0, None, 0, 9_000, 0, id="others' money stays pending"),
        pytest.param(9_000, 0, 9_000, 2_500, None, 2_500, 6_500, 0, id="a debt comes first"),
        pytest.param(9_000, 0, 9_000, 9_000, None, 9_000, 0, 0, id="a debt takes all"),
        pytest.param(9_000, 0, 9_000, 12_000, None, 9_000, 0, 0, id="a debt takes all there is"),
        pytest.param(9_000, 0, 9_000, -5, None, 0, 9_000, 0, id="a debt on hold is not recovered"),
        pytest.param(9_000, -4_000, 5_000, 0, None, 0, 5_000, 0, id="making up for an earlier one"),
        pytest.param(
            3_000, -4_000, 3_000, 0, None, 0, 0, -1_000, id="too little to make up for it"
        ),
        pytest.param(-2_000, 0, 0, 0, None, 0, 0, -2_000, id="a negative batch is carried"),
        pytest.param(-2_000, 0, 7_000, 0, None, 0, 0, -2_000, id="whatever else is pending"),
        pytest.param(-2_000, 5_000, 3_000, 0, None, 0, 3_000, 0, id="a carry outweighs it"),
        pytest.param(0, 4_000, 4_000, 0, None, 0, 4_000, 0, id="a batch for the carry alone"),
        pytest.param(9_000, 0, 6_000, 0, None, 0, 6_000, 3_000, id="refunds took some since"),
        pytest.param(9_000, 0, -100, 0, None, 0, 0, 9_000, id="all of it is on hold"),
        pytest.param(9_000, 0, 6_000, 2_000, None, 2_000, 4_000, 3_000, id="a hold and a debt"),
        pytest.param(CAN_PAY, 0, CAN_PAY, 0, MOST, 0, CAN_PAY, 0, id="just what it can carry"),
        pytest.param(CAN_PAY + 1, 0, CAN_PAY + 1, 0, MOST, 0, CAN_PAY, 1, id="one fen too many"),
        pytest.param(CAN_PAY + 9, 0, CAN_PAY + 9, 5, MOST, 5, CAN_PAY, 4, id="beside a debt"),
    ],
)
def test_what_a_batch_comes_to(
    net: int,
    carry: int,
    pending: int,
    debt: int,
    most: int | None,
    recovered: int,
    payout: int,
    carried: int,
) -> None:
    found = mature(
        net_fen=net, carry_fen=carry, pending_fen=pending, debt_fen=debt, max_transfer_fen=most
    )
    assert found == Maturity(carry, recovered, payout, carried)
    assert found.due_fen == recovered + payout


FEN = st.integers(-(10**15), 10**15)


@given(FEN, FEN, FEN, FEN, st.none() | st.integers(1, 10**15))
def test_every_fen_is_due_or_carried_and_nothing_is_made_up(
    net: int, carry: int, pending: int, debt: int, most: int | None
) -> None:
    found = mature(
        net_fen=net, carry_fen=carry, pending_fen=pending, debt_fen=debt, max_transfer_fen=most
    )
    assert found.due_fen + found.carry_out_fen == net + carry
    assert 0 <= found.recovered_fen <= max(debt, 0)
    assert found.payout_fen >= 0
    assert found.due_fen <= max(pending, 0)
    if found.payout_fen:  # A debt comes before the merchant.
        assert found.recovered_fen == max(debt, 0)
    if most is not None:
        assert found.payout_fen <= MAX_TRANSFERS * most


@pytest.mark.parametrize(
    ("net", "pending", "debt", "released", "least", "expected"),
    [
        pytest.param(100, 100, 0, 50, 0, (0, 0, 100, 0, 50, False), id="with what was released"),
        pytest.param(0, 0, 0, 50, 0, (0, 0, 0, 0, 50, False), id="that alone"),
        pytest.param(100, 100, 0, 50, 150, (0, 0, 100, 0, 50, False), id="together enough"),
        pytest.param(100, 100, 0, 50, 151, (0, 0, 0, 100, 0, True), id="together too little"),
        pytest.param(100, 100, 40, 0, 61, (0, 40, 0, 60, 0, True), id="a debt comes first"),
        pytest.param(0, 0, 0, 0, 100, (0, 0, 0, 0, 0, False), id="nothing is not too little"),
        pytest.param(5_000, 5_000, 0, 9, 0, (0, 0, 2_500, 2_500, 0, False), id="no room is left"),
    ],
)
def test_a_batch_pays_what_was_released_and_not_too_little(
    net: int, pending: int, debt: int, released: int, least: int, expected: tuple[object, ...]
) -> None:
    found = mature(
        net_fen=net,
        carry_fen=0,
        pending_fen=pending,
        debt_fen=debt,
        max_transfer_fen=100,
        released_fen=released,
        min_payout_fen=least,
    )
    assert found == expected
    assert found.paid_fen == found.payout_fen + found.released_fen
