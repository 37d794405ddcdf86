"""Every read model, by name: adding one here is all it takes to have it kept up and rebuilt."""

from projections.engine.model import ReadModel
from projections.models import (
    account_days,
    agreements,
    approvals,
    authority_orders,
    balances,
    bills,
    business_days,
    cards,
    channels,
    clearing_positions,
    contradictions,
    deposits,
    instruction_attempts,
    instructions,
    journal,
    list_matches,
    members,
    merchant_events,
    merchant_statements,
    orders,
    permissions,
    refunds,
    reserves,
    settlement_batches,
    settlement_items,
    suspense_items,
    transactions,
    trial_balance,
    wallets,
    webhook_endpoints,
    withdrawals,
)

READ_MODELS: dict[str, ReadModel] = {
    "balances": balances.MODEL,
    "trial_balance": trial_balance.MODEL,
    "journal": journal.MODEL,
    "transactions": transactions.MODEL,
    "clearing_positions": clearing_positions.MODEL,
    "merchant_statements": merchant_statements.MODEL,
    "settlement_batches": settlement_batches.MODEL,
    "instructions": instructions.MODEL,
    "instruction_attempts": instruction_attempts.MODEL,
    "channels": channels.MODEL,
    "contradictions": contradictions.MODEL,
    "suspense_items": suspense_items.MODEL,
    "members": members.MODEL,
    "cards": cards.MODEL,
    "account_days": account_days.MODEL,
    "business_days": business_days.MODEL,
    "orders": orders.MODEL,
    "refunds": refunds.MODEL,
    "settlement_items": settlement_items.MODEL,
    "withdrawals": withdrawals.MODEL,
    "authority_orders": authority_orders.MODEL,
    "list_matches": list_matches.MODEL,
    "approvals": approvals.MODEL,
    "permissions": permissions.MODEL,
    "reserves": reserves.MODEL,
    "deposits": deposits.MODEL,
    "agreements": agreements.MODEL,
    "wallets": wallets.MODEL,
    "merchant_events": merchant_events.MODEL,
    "webhook_endpoints": webhook_endpoints.MODEL,
    "bills": bills.MODEL,
}


def chosen(names: list[str]) -> list[ReadModel]:
    """The models of these names, none twice; all of them for no names. Raises ValueError."""
    unknown = [name for name in names if name not in READ_MODELS]
    if unknown:
        known = ", ".join(READ_MODELS)
        raise ValueError(f"no such read model: {', '.join(unknown)}; there are {known}")
    return [model for name, model in READ_MODELS.items() if name in names or not names]
