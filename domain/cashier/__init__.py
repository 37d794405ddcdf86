"""Cashier (收银台): where a payer chooses how to pay an order, or to fill a wallet."""
