"""What holds over all read models together, proved on the story."""

from collections import defaultdict
from datetime import date, timedelta
from itertools import combinations
from typing import Any

from sqlalchemy import Connection, select

from domain.events import AGGREGATES
from domain.kernel import Recorded, category, key
from projections.models import (
    account_days,
    aging,
    balances,
    business_days,
    clearing_positions,
    differences,
    instructions,
    journal,
    merchant_statements,
    open_items,
    orders,
    payments,
    refunds,
    settlement_batches,
    settlement_items,
    settlement_payouts,
    statements,
    transactions,
    trial_balance,
)
from tests.examples import MERCHANT
from tests.projections.story import FIRST, GONE, TEA

DAYS = [FIRST + timedelta(days=n) for n in range(-1, 40)]


def every_account(books: Connection) -> dict[str, balances.Account]:
    page = balances.accounts(books)
    assert not page.has_next
    return {account.account: account for account in page.items}


def every_line(books: Connection) -> list[journal.JournalLine]:
    table = journal.TABLE
    rows = books.execute(select(table).order_by(table.c.position, table.c.line_no))
    return [journal.JournalLine(*row) for row in rows]


def states(facts: list[Recorded], kind: str) -> dict[str, Any]:
    """The state of every aggregate of a kind, folded by the domain itself."""
    module = AGGREGATES[kind]
    folded: dict[str, Any] = {}
    for recorded in facts:
        if category(recorded.stream) == kind:
            state = folded.get(recorded.stream, module.State())
            folded[recorded.stream] = module.evolve(state, recorded.fact)
    return {key(stream): state for stream, state in folded.items()}


def test_the_journal_adds_up_to_the_balances(told: Connection) -> None:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for line in every_line(told):
        for index, value in enumerate((line.debit_fen, line.credit_fen, 1)):
            sums[line.account][index] += value
    found = every_account(told)
    assert {a: [row.debit_fen, row.credit_fen, row.postings] for a, row in found.items()} == {
        account: sums.get(account, [0, 0, 0]) for account in found
    }
    assert sums.keys() <= found.keys()


def test_balances_are_the_accounts_own_states(
    told: Connection, story_facts: list[Recorded]
) -> None:
    found = every_account(told)
    expected = states(story_facts, "account")
    assert found.keys() == expected.keys()
    for name, state in expected.items():
        row = found[name]
        frozen = "out" if state.frozen_out else "in" if state.frozen_in else ""
        assert (row.balance_fen, row.held_fen, row.available_fen, row.status, row.frozen) == (
            state.balance_fen,
            state.held_fen,
            state.available_fen,
            state.status,
            frozen,
        )


def test_the_trial_balance_is_that_of_the_balances_every_day(told: Connection) -> None:
    everything = trial_balance.trial_balance(told)
    by_code: dict[str, int] = defaultdict(int)
    for account in every_account(told).values():
        by_code[account.code] += account.debit_fen - account.credit_fen
    assert {row.code: row.debit_fen - row.credit_fen for row in everything.rows} == {
        code: by_code[code] for code in {line.account[:7].rstrip(".") for line in every_line(told)}
    }
    for day in DAYS:
        balance = trial_balance.trial_balance(told, day)
        assert balance.balanced
        assert bool(balance.rows) == (day >= FIRST)
    assert trial_balance.trial_balance(told, DAYS[-1]).rows == everything.rows
    assert everything.debits_fen > 0


def test_each_statement_line_has_the_merchants_net_position(told: Connection) -> None:
    """The running balance is 2241.02 + 2241.03 − 1122.03 of the journal, after each fact."""
    lines = every_line(told)
    for merchant in (MERCHANT, TEA, GONE):
        own = {f"{code}.{merchant}" for code in ("2241.02", "2241.03", "1122.03")}
        after: dict[int, int] = {}
        net_fen = 0
        for line in lines:
            if line.account in own:
                net_fen += line.credit_fen - line.debit_fen
            after[line.position] = net_fen
        statement_lines = statements.lines(told, merchant).items
        assert [line.seq for line in statement_lines] == list(range(1, len(statement_lines) + 1))
        last_of_fact = {line.position: line for line in statement_lines}
        for position, last in last_of_fact.items():
            assert last.balance_fen == after[position], last
        assert statement_lines[-1].balance_fen == net_fen
        escrow = every_account(told)[f"2241.04.{merchant}"].balance_fen
        statement = statements.statement(told, merchant)
        assert statement is not None
        assert (statement.closing_fen, statement.in_escrow_fen) == (net_fen, escrow)
        assert all(getattr(statement, f"{kind}_fen") for kind in ("sales", "fees", "settled"))


def test_every_statement_adds_up_and_goes_on_where_the_one_before_closed(
    told: Connection,
) -> None:
    seen_recovery = False
    for merchant in (MERCHANT, TEA, GONE):
        for from_, to in combinations(DAYS, 2):
            statement = statements.statement(told, merchant, from_, to)
            page = statements.lines(told, merchant, from_, to)
            following = statements.statement(told, merchant, to)
            assert statement is not None and following is not None
            figures = {
                kind: sum(line.amount_fen for line in page.items if line.kind == kind)
                for kind in merchant_statements.KINDS
            }
            assert figures == {
                kind: getattr(statement, f"{kind}_fen") for kind in merchant_statements.KINDS
            }
            last = page.items[-1].balance_fen if page.items else statement.opening_fen
            assert last == statement.closing_fen == following.opening_fen
            assert all(from_ <= line.accounting_date < to for line in page.items)
            seen_recovery |= statement.recovered_fen > 0
    assert seen_recovery


def test_what_a_closed_day_sealed_are_the_running_positions(told: Connection) -> None:
    sealed = 0
    for day in DAYS:
        for position in clearing_positions.clearing_positions(told, day):
            paid_fen = position.refunded_fen + position.paid_out_fen
            assert position.net_fen == position.received_fen - paid_fen
            if position.closed:
                sealed += 1
                assert position.sealed_received_fen == position.received_fen
                assert position.sealed_paid_fen == paid_fen
                assert position.sealed_net_fen == position.net_fen
    open_day = clearing_positions.clearing_positions(told, date(2010, 12, 19))
    assert sealed >= 6
    assert open_day and not any(position.closed for position in open_day)


def test_rows_are_in_the_states_of_their_aggregates(
    told: Connection, story_facts: list[Recorded]
) -> None:
    for name, state in states(story_facts, "transaction").items():
        row = transactions.transaction(told, name)
        assert row is not None
        assert (row.state, row.refunded_fen, row.released_fen) == (
            state.status,
            state.refunded_fen,
            state.released_fen,
        )
    seen = set()
    for name, state in states(story_facts, "settlement").items():
        batch = settlement_batches.settlement_batch(told, name)
        assert batch is not None
        assert (batch.state, batch.count, batch.net_fen, batch.digest, batch.due_date) == (
            state.status,
            state.count,
            state.net_fen,
            state.digest,
            state.due_date,
        )
        found = settlement_payouts.payouts(told, [name]).get(name, [])
        assert [p.number for p in found] == list(range(1, state.payout_count + 1))
        assert [(p.payout_no, p.amount_fen, p.status) for p in found if p.status != "retried"] == [
            (p.payout_no, p.amount_fen, p.status) for p in state.payouts
        ]
        seen.add(batch.state)
    assert {"settled", "returned", "carried_forward", "instructed"} <= seen
    for name, state in states(story_facts, "instruction").items():
        row_ = instructions.instruction(told, name)
        assert row_ is not None
        assert (row_.state, row_.answer, row_.amount_fen) == (
            state.status,
            state.answer,
            state.amount_fen,
        )


def test_orders_payments_and_refunds_are_in_the_states_of_their_aggregates(
    told: Connection, story_facts: list[Recorded]
) -> None:
    seen: set[str] = set()
    for name, state in states(story_facts, "order").items():
        order = orders.order(told, name)
        assert order is not None and state.placed is not None
        assert (order.state, order.total_fen) == (state.status, state.placed.total_fen)
        lines = orders.lines(told, [name])[name]
        assert sum(line.amount_fen for line in lines) == order.total_fen
        assert [line.line_no for line in lines] == list(range(1, len(state.placed.lines) + 1))
        seen.add(order.state)
    for name, state in states(story_facts, "payment").items():
        payment = payments.payment(told, name)
        assert payment is not None and state.started is not None
        assert (payment.state, payment.amount_fen) == (state.status, state.started.amount_fen)
        shares = payments.lines(told, [name]).get(name, [])
        if payment.purpose == "order":
            assert sum(line.amount_fen for line in shares) == payment.amount_fen
        else:
            assert shares == []
        seen.add(payment.state)
    for name, state in states(story_facts, "refund").items():
        refund = refunds.refund(told, name)
        assert refund is not None and state.requested is not None
        assert (refund.state, refund.amount_fen) == (state.status, state.requested.amount_fen)
        sources = refund.from_pending_fen + refund.from_available_fen + refund.advanced_fen
        if refund.stage == "released":
            sources += refund.reserve_returned_fen or 0
            assert sources + refund.fee_returned_fen == refund.amount_fen
        else:
            assert sources == refund.fee_returned_fen == 0
        seen |= {refund.state, refund.stage}
    assert {"paid", "closed", "succeeded", "sent_back", "kept", "failed", "released"} <= seen


def test_a_batch_is_the_sum_of_its_items(told: Connection) -> None:
    batches = settlement_batches.settlement_batches(told).items
    pages = settlement_items.items(told, [(batch.batch_id, 100, None) for batch in batches])
    kinds = set()
    for batch, page in zip(batches, pages, strict=True):
        assert not page.has_next
        sums = [
            sum(getattr(item, name) for item in page.items)
            for name in ("gross_fen", "fee_fen", "refund_fen", "net_fen")
        ]
        assert len(page.items) == batch.count
        assert sums == [batch.gross_fen, batch.fee_fen, batch.refund_fen, batch.net_fen]
        assert all(item.batch_id == batch.batch_id for item in page.items)
        kinds |= {item.kind for item in page.items}
    assert kinds == {"sale", "refund", "chargeback"}


def test_accounts_as_of_a_date_are_their_journal_up_to_it(told: Connection) -> None:
    lines = every_line(told)
    for name, account in every_account(told).items():
        for day in DAYS:
            found = account_days.account_as_of(told, name, day)
            mine = [one for one in lines if one.account == name and one.accounting_date <= day]
            if found is None:
                assert mine == [], "it was not open yet"
                continue
            assert (found.debit_fen, found.credit_fen, found.postings) == (
                sum(one.debit_fen for one in mine),
                sum(one.credit_fen for one in mine),
                len(mine),
            )
        assert account_days.account_as_of(told, name, DAYS[-1]) == account


def test_a_date_has_the_positions_between_its_opening_and_its_closing(told: Connection) -> None:
    days = business_days.days(told)
    assert [day.accounting_date for day in days] == sorted(
        {line.accounting_date for line in every_line(told)} | {day.accounting_date for day in days}
    )
    for line in every_line(told):
        (own,) = business_days.days(
            told, line.accounting_date, line.accounting_date + timedelta(days=1)
        )
        assert own.opened_position < line.position
        assert own.closed_position is None or line.position < own.closed_position
    assert business_days.latest_day(told) == days[-1]
    assert all(day.closed_at_us and day.cut_off_at_us for day in days[:-1])
    assert days[-1].closed_at_us is None


def test_what_waits_is_the_sum_of_its_items(told: Connection) -> None:
    """Of every account of suspense and of money on its way, from the journal's balances."""
    after, found = None, dict[str, int]()
    while True:
        page = open_items.open_items(told, open_items.Wanted(), after=after, first=20)
        for item in page.items:
            found[item.account] = found.get(item.account, 0) + item.amount_fen
        if not page.has_next:
            break
        after = page.cursors[-1]
    held = {
        row.account: row.balance_fen
        for row in told.execute(balances.TABLE.select())
        if row.code in open_items.WAITING and row.balance_fen
    }
    assert found == held
    on = date(2010, 12, 31)
    by_age = dict[str, int]()
    for one in aging.sums(told, on):
        by_age[one.account] = by_age.get(one.account, 0) + one.amount_fen
    assert by_age == held
    waiting = {row.difference_id for row in told.execute(differences.TABLE.select()) if row.account}
    assert {f"difference-{one}" for one in waiting} <= {
        item.item for item in open_items.open_items(told, open_items.Wanted()).items
    }
