"""The schema: reads only, from the read models. Who may read what is in `access.py`."""

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from api.graphql import (
    accounts,
    journal,
    ledger,
    members,
    positions,
    settlement,
    statements,
    transactions,
    trial,
)
from api.graphql.access import root
from api.graphql.describing import object_type
from api.graphql.scalars import CONFIG


@object_type
class Query:
    """What may be read. A merchant's key sees that merchant and nothing else: what belongs to
    another answers as what does not exist. Errors have `extensions{code field detail}`."""

    merchant_statement = root(statements.merchant_statement)
    account = root(accounts.account)
    accounts = root(accounts.accounts)
    journal = root(journal.journal)
    transaction = root(transactions.transaction)
    transactions = root(transactions.transactions)
    clearing_positions = root(positions.clearing_positions)
    settlement_batch = root(settlement.settlement_batch)
    settlement_batches = root(settlement.settlement_batches)
    trial_balance = root(trial.trial_balance)
    member = root(members.member)
    members = root(members.members)
    ledger = root(ledger.ledger)
    projections = root(ledger.projections)


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


SCHEMA = Schema(query=Query, config=CONFIG, extensions=[PreparedDocument])


def graphql_schema() -> Any:
    """The schema as graphql-core has it, for validation."""
    return SCHEMA._schema


def schema_text() -> str:
    """The schema as docs/schema.graphql keeps it."""
    return SCHEMA.as_str().rstrip() + "\n"
