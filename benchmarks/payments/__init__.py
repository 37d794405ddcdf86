"""Payments through channels over HTTP.

wire.py      HTTP by hand: a client of kept connections, and what listens for callbacks
outside.py   the simulators, one per time an answer takes, and the settings file
load.py      payments in flight: each from the request to its callback, and to being visible
bare.py      the same signed requests without a ledger: the floor
measuring.py one run over all cells
"""
