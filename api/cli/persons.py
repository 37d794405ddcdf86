"""A command of a person whom a key names: what needs two, at the terminal as over HTTP.

Whoever sits at the machine may say any name, and two names would not be two persons. So the key is
asked, which is that person's alone, and what it may do stands in the same tables as at the other
door. It comes from the environment: what stands in a command line everybody at the machine can see.
"""

import os
import secrets
from typing import Any

from api.cli.asking import decided
from api.cli.opening import open_desk
from api.cli.output import Say
from api.context import AppContext
from api.http.access import refuse_foreign, refuse_role, refuse_unfit
from api.http.bearer import authenticate
from api.http.keys import Caller
from api.rest.approvals import DECIDING
from api.settings import load_settings
from domain.approval import commands as approving
from domain.approval.kinds import HOUR_US, Limits
from domain.kernel import Command, Request
from domain.ledger.ledger import utc_us
from domain.refusals import Code, Refused

KEY = "ZHANGFANG_KEY"


def submit_as_person(say: Say, name: str, command: Command, number: str = "") -> dict[str, Any]:
    """Ask for a command as whoever the key is of, where `name` (a row of the table of access) lets
    that person. `number`: the command's own, under which it is one request at every door.

    The answer, which `--json` shows with its position. Raises Refused: NOT_AUTHENTICATED,
    NOT_ALLOWED, and what the command raises.
    """
    settings = load_settings()
    limits = Limits(settings.refund_alone, settings.approval_hours * HOUR_US)
    with open_desk(say.database_url) as context:
        caller = _caller(context, name, command)
        known = number or f"cli:person:{secrets.token_hex(8)}"
        wished = approving.wish(known, command, limits, caller.member or "")
        return decided(say, context, Request(known, utc_us(), caller.actor, wished))


def _caller(context: AppContext, name: str, command: Command) -> Caller:
    state = context.ledger.state
    key = os.environ.get(KEY, "").strip()
    if not key:
        detail = "it is not set: this needs two persons, and a key that says who you are"
        raise Refused(Code.NOT_AUTHENTICATED, KEY, detail)
    try:
        caller = authenticate(context.engine, f"Bearer {key}", state)
        refuse_role(name, caller)
        refuse_foreign(name, caller, command, state)
        if isinstance(command, DECIDING):
            refuse_unfit(command, caller, state)
    except Refused as no:
        raise Refused(no.code, KEY, no.detail) from None
    return caller
