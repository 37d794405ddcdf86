"""The schema: reads only, from the read models. What may be asked is `Query` here, what may be
listened to `Subscription` in `listening/feeds.py`. Who may read what is in `access.py`."""

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from api.graphql.access import root
from api.graphql.accounts import account, accounts
from api.graphql.agreements import agreements
from api.graphql.approvals import approvals, permissions
from api.graphql.authorities import authority_orders
from api.graphql.bills import bills
from api.graphql.cards import cards
from api.graphql.channels import channels
from api.graphql.chargebacks import chargebacks
from api.graphql.describing import object_type
from api.graphql.desk import desk
from api.graphql.differences import differences, suspense, suspense_aging
from api.graphql.funds import (
    clearing_sessions,
    money_timeline,
    reserve_quotas,
    transit_accounts,
)
from api.graphql.instructions import instruction, instructions
from api.graphql.journal import journal
from api.graphql.ledger import ledger, projections
from api.graphql.listening.feeds import Subscription
from api.graphql.matches import list_matches
from api.graphql.members import member, members
from api.graphql.orders import order, orders
from api.graphql.own import own_movements, top_ups
from api.graphql.payments import payment, payments
from api.graphql.positions import clearing_positions
from api.graphql.proofs import reserve_proof
from api.graphql.reconciliation import reconciliation
from api.graphql.refunds import refund, refunds
from api.graphql.reserves import deposit, deposits, reserves
from api.graphql.scalars import CONFIG
from api.graphql.settlement import settlement_batch, settlement_batches
from api.graphql.statements import merchant_statement
from api.graphql.transactions import transaction, transactions
from api.graphql.trial import trial_balance
from api.graphql.wallets import wallet
from api.graphql.webhooks import webhook_endpoints
from api.graphql.withdrawals import withdrawal, withdrawals


@object_type
class Query:
    """What may be read. A merchant's key sees that merchant and nothing else: what belongs to
    another answers as what does not exist. Errors have `extensions{code field detail}`."""

    merchant_statement = root(merchant_statement)
    account = root(account)
    accounts = root(accounts)
    journal = root(journal)
    transaction = root(transaction)
    transactions = root(transactions)
    order = root(order)
    orders = root(orders)
    payment = root(payment)
    payments = root(payments)
    refund = root(refund)
    refunds = root(refunds)
    wallet = root(wallet)
    instruction = root(instruction)
    instructions = root(instructions)
    channels = root(channels)
    clearing_positions = root(clearing_positions)
    settlement_batch = root(settlement_batch)
    settlement_batches = root(settlement_batches)
    trial_balance = root(trial_balance)
    member = root(member)
    members = root(members)
    cards = root(cards)
    withdrawal = root(withdrawal)
    withdrawals = root(withdrawals)
    authority_orders = root(authority_orders)
    list_matches = root(list_matches)
    reserves = root(reserves)
    deposits = root(deposits)
    deposit = root(deposit)
    bills = root(bills)
    money_timeline = root(money_timeline)
    transit_accounts = root(transit_accounts)
    clearing_sessions = root(clearing_sessions)
    reserve_proof = root(reserve_proof)
    differences = root(differences)
    suspense = root(suspense)
    suspense_aging = root(suspense_aging)
    chargebacks = root(chargebacks)
    reconciliation = root(reconciliation)
    reserve_quotas = root(reserve_quotas)
    own_movements = root(own_movements)
    top_ups = root(top_ups)
    desk = root(desk)
    ledger = root(ledger)
    projections = root(projections)
    approvals = root(approvals)
    permissions = root(permissions)
    agreements = root(agreements)
    webhook_endpoints = root(webhook_endpoints)


class PreparedDocument(SchemaExtension):
    """Takes the document of the context, parsed and validated, in place of doing both again."""

    def on_parse(self) -> Iterator[None]:
        self.execution_context.graphql_document = self.execution_context.context.document
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = []
        yield


class Schema(strawberry.Schema):
    """Strawberry's, but errors are logged where they are answered (`errors.py`), and once."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        pass


SCHEMA = Schema(
    query=Query, subscription=Subscription, config=CONFIG, extensions=[PreparedDocument]
)


def graphql_schema() -> Any:
    """The schema as graphql-core has it, for validation."""
    return SCHEMA._schema


def schema_text() -> str:
    """The schema as docs/schema.graphql keeps it."""
    return SCHEMA.as_str().rstrip() + "\n"
