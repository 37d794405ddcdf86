"""Channels: a channel that is new to a ledger is registered before it can be used."""

from api.rest.endpoint import Endpoint
from domain.channel.commands import RegisterChannel

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/channels/{channel}/register",
        command=RegisterChannel,
        summary="Register a channel: its accounts are opened, and payments may go through it",
        sample={"channel": "JD_PAY"},
        body={},
        result={"channel": "JD_PAY", "network": "NETSUNION"},
        number=None,
    ),
)
