"""Commands around the asking of a channel over a network: an attempt is claimed, its answer kept.

Who asks is the outbox; a callback is an answer nobody asked for. Whatever a channel says is
recorded: its texts are made legible, never refused.
"""

from domain.channel.network import (
    Answer,
    AwaitingPayer,
    Charge,
    NotFound,
    PaidPart,
    Processing,
    Returned,
    Word,
)
from domain.channel.network import Said as Says
from domain.channel.port import Declined, Succeeded, Unknown
from domain.fields import checked_number, checked_reason
from domain.kernel import Command, Stream, Unit
from domain.money import MAX_FEN
from domain.payment import combined, contradiction, instruction
from domain.payment.commands import LONGEST_ID
from domain.payment.tried import Told
from domain.refusals import Code, Refused
from domain.texts import without_faults

LONGEST_TEXT, LONGEST_URL = 200, 500
MOST_CHARGES, MOST_PARTS = 16, 50


class ClaimAttempt(Command, frozen=True):
    """Take the next attempt of an instruction, if it is due. What its channel's
    adapter says: whether a send may be made again under its number, what the number is where nobody
    has given one, and under which it is sent again if it must have another."""

    instruction_id: str
    attempt: int
    repeatable: bool
    number: str
    other_number: str


class RecordAnswer(Command, frozen=True):
    """What a channel said to an attempt, or by a callback (`attempt` 0). `exchange` is the SHA-256
    (hex) of what went over the wire, "" when nothing is kept; `unsent`: it is certain that nothing
    left."""

    instruction_id: str
    said: Word
    serial: str = ""
    amount_fen: int | None = None
    reason: str = ""
    by_channel: bool = False
    url: str = ""
    charges: tuple[Charge, ...] = ()
    attempt: int = 0
    exchange: str = ""
    unsent: bool = False
    parts: tuple[PaidPart, ...] = ()


class AskChannel(Command, frozen=True):
    """Ask what became of an instruction now, or send it if it was withheld."""

    instruction_id: str


class ClosePayment(Command, frozen=True):
    """Close a payment's instruction: at its channel first."""

    instruction_id: str
    reason: str


class WithholdInstruction(Command, frozen=True):
    """It cannot be sent."""

    instruction_id: str
    reason: str


def answer_command(
    instruction_id: str, answer: Answer, attempt: int = 0, exchange: str = ""
) -> RecordAnswer:
    """The command that records an answer. A decline beside which money moved is no decline."""
    said, word, amount_fen = answer.said, _word(answer.said), None
    if isinstance(said, Succeeded):
        listed = (one.amount_fen for one in answer.charges if one.serial == said.serial)
        amount_fen = next(listed, None) if said.amount_fen is None else said.amount_fen
    reason = getattr(said, "reason", "")
    if isinstance(said, Declined) and answer.charges:
        word, reason = "unknown", f"declined, with charges on record: {reason}"
    wrong = amount_fen is not None and not 0 < amount_fen <= MAX_FEN
    if wrong or (word in ("succeeded", "returned") and not legible(said.serial).strip()):  # type: ignore[union-attr]
        word, reason = "unknown", "it succeeded, without a serial or of an amount that is none"
        amount_fen = None
    return RecordAnswer(
        instruction_id,
        word,
        serial=legible(getattr(said, "serial", "")),
        amount_fen=amount_fen,
        reason=legible(reason),
        by_channel=getattr(said, "by_channel", False),
        url=legible(getattr(said, "url", ""), LONGEST_URL),
        charges=tuple(
            Charge(legible(one.serial), one.amount_fen, one.at_us)
            for one in answer.charges[:MOST_CHARGES]
            if one.serial and 0 < one.amount_fen <= MAX_FEN
        ),
        attempt=attempt,
        exchange=exchange,
        unsent=not answer.sent,
        parts=tuple(
            PaidPart(legible(one.number), legible(one.serial), one.amount_fen)
            for one in answer.parts[:MOST_PARTS]
        ),
    )


def _word(said: Says) -> Word:
    match said:
        case Succeeded():
            return "succeeded"
        case Declined():
            return "declined"
        case AwaitingPayer():
            return "awaiting_payer"
        case Processing():
            return "processing"
        case NotFound():
            return "not_found"
        case Returned():
            return "returned"
        case _:
            return "unknown"


def legible(text: str, longest: int = LONGEST_TEXT) -> str:
    return without_faults(text)[:longest]


def _says(command: RecordAnswer) -> Says:
    """Raises IDENTIFIER_INVALID for a success without a serial, AMOUNT_INVALID."""
    for fen in (command.amount_fen, *(one.amount_fen for one in command.charges)):
        if fen is not None and not 0 < fen <= MAX_FEN:
            raise Refused(Code.AMOUNT_INVALID, "amount_fen", str(fen)[:40])
    if command.said in ("succeeded", "returned") and not command.serial:
        raise Refused(Code.IDENTIFIER_INVALID, "serial", "a success has a serial")
    match command.said:
        case "succeeded":
            return Succeeded(command.serial, command.amount_fen)
        case "declined":
            return Declined(command.reason, command.by_channel)
        case "awaiting_payer":
            return AwaitingPayer(command.url)
        case "processing":
            return Processing()
        case "not_found":
            return NotFound(command.reason)
        case "returned":
            return Returned(command.serial, command.reason)
        case "unknown":
            return Unknown(command.reason)


def _stream(instruction_id: str) -> "Stream[instruction.State]":
    return instruction.stream(checked_number(instruction_id, "instruction_id", longest=LONGEST_ID))


def claim_attempt(unit: Unit, command: ClaimAttempt) -> dict[str, object]:
    """`kind` says what is to be asked; "" when the attempt is not the caller's to make."""
    stream = _stream(command.instruction_id)
    facts = instruction.claim(
        unit.load(stream),
        command.attempt,
        unit.at_us,
        repeatable=command.repeatable,
        number=checked_number(command.number, "number"),
        other_number=checked_number(command.other_number, "other_number"),
    )
    unit.record(stream, facts)
    kind = next((one.kind for one in facts if isinstance(one, instruction.Attempted)), "")
    return {"instruction_id": command.instruction_id, "attempt": command.attempt, "kind": kind}


def record_answer(unit: Unit, command: RecordAnswer) -> dict[str, object]:
    """Idempotent. Raises INSTRUCTION_NOT_FOUND, AMOUNT_INVALID, IDENTIFIER_INVALID, and
    INSTRUCTION_ALREADY_ENDED when it contradicts more often than is kept."""
    stream, said = _stream(command.instruction_id), _says(command)
    before, paid = unit.load(stream), command.parts
    if paid and combined.are_others(before.asked.parts if before.asked else (), paid):
        said, paid = Unknown("it speaks of other transactions than were asked for"), ()
    told = Told(command.attempt, unit.at_us, command.exchange, command.unsent, paid)
    facts = instruction.hear(before, said, told)
    unit.record(stream, facts)
    beside = contradiction.stream(command.instruction_id)
    against = contradiction.hear(unit.load(beside), before, said, command.charges, told)
    unit.record(beside, against)
    after = unit.load(stream)
    if against and contradiction.is_doubted(unit.load(beside)):
        unit.record(stream, instruction.ask(after, unit.at_us))
    return {
        "instruction_id": command.instruction_id,
        "status": after.status,
        "contradicts": bool(against),
    }


def ask_channel(unit: Unit, command: AskChannel) -> dict[str, object]:
    """Raises INSTRUCTION_NOT_FOUND."""
    stream = _stream(command.instruction_id)
    unit.record(stream, instruction.ask(unit.load(stream), unit.at_us))
    return {"instruction_id": command.instruction_id, "status": unit.load(stream).status}


def ask_whether_it_is_so(unit: Unit, asked_by: "Stream[instruction.State]") -> None:
    """What a person records of money that a bank was to pay is no proof: one over a network is
    asked."""
    asked = unit.load(asked_by)
    if asked.tried.attempt:
        unit.record(asked_by, instruction.ask(asked, unit.at_us))


def close_payment(unit: Unit, command: ClosePayment) -> dict[str, object]:
    """Raises INSTRUCTION_NOT_FOUND, INSTRUCTION_ALREADY_ENDED, INSTRUCTION_NOT_CLOSABLE."""
    stream = _stream(command.instruction_id)
    reason = checked_reason(command.reason)
    unit.record(stream, instruction.close(unit.load(stream), reason, unit.at_us))
    return {"instruction_id": command.instruction_id, "status": unit.load(stream).status}


def withhold_instruction(unit: Unit, command: WithholdInstruction) -> dict[str, object]:
    """Raises INSTRUCTION_NOT_FOUND."""
    stream = _stream(command.instruction_id)
    reason = checked_reason(command.reason)
    unit.record(stream, instruction.withhold(unit.load(stream), reason))
    return {"instruction_id": command.instruction_id, "status": unit.load(stream).status}
