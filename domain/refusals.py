"""Every "no" of the system: one closed enum, in order of precedence, each with its meaning.

A refusal answers a caller and changes nothing. What somebody must be able to see later
(a channel declined, a payout failed) is a fact instead. `api/http/errors.py` maps each code to an
HTTP status; a test proves that map total.
"""

from enum import StrEnum


class Code(StrEnum):
    """Why a command was refused. Earlier codes win where several apply."""

    # The request itself.
    REQUEST_INVALID = "request_invalid"
    REQUEST_CONFLICT = "request_conflict"
    NOT_AUTHENTICATED = "not_authenticated"
    NOT_ALLOWED = "not_allowed"
    IDENTIFIER_INVALID = "identifier_invalid"
    AMOUNT_INVALID = "amount_invalid"
    AMOUNT_TOO_LARGE = "amount_too_large"
    DATE_INVALID = "date_invalid"
    TEXT_INVALID = "text_invalid"
    DOCUMENT_INVALID = "document_invalid"
    DOCUMENT_UNKNOWN = "document_unknown"
    BLOB_NOT_FOUND = "blob_not_found"
    # Members and their terms.
    MEMBER_EXISTS = "member_exists"
    MEMBER_NOT_FOUND = "member_not_found"
    MEMBER_KIND_WRONG = "member_kind_wrong"
    OPERATOR_LIMIT = "operator_limit"
    OPERATOR_NOT_FOUND = "operator_not_found"
    TERMS_MISSING = "terms_missing"
    TERMS_INVALID = "terms_invalid"
    AGREEMENT_MISSING = "agreement_missing"
    AGREEMENT_LIMIT = "agreement_limit"
    CONSENT_MISSING = "consent_missing"
    NOTICE_TOO_SHORT = "notice_too_short"
    # Personal data, cards.
    VAULT_LOCKED = "vault_locked"
    VAULT_DAMAGED = "vault_damaged"
    CARD_SECRET = "card_secret"
    PARTICULARS_INVALID = "particulars_invalid"
    MEMBER_FORGOTTEN = "member_forgotten"
    RETENTION_NOT_OVER = "retention_not_over"
    IDENTITY_DIFFERS = "identity_differs"
    HOLDER_DIFFERS = "holder_differs"
    CARD_NOT_FOUND = "card_not_found"
    CARD_STATE_WRONG = "card_state_wrong"
    CARD_LIMIT = "card_limit"
    CODE_EXPIRED = "code_expired"
    # How a payer proves himself.
    FACTOR_MISSING = "factor_missing"
    FACTOR_ALREADY_SET = "factor_already_set"
    FACTOR_WRONG = "factor_wrong"
    FACTOR_LOCKED = "factor_locked"
    CERTIFICATE_NOT_FOUND = "certificate_not_found"
    CERTIFICATE_LIMIT = "certificate_limit"
    # Webhooks.
    WEBHOOK_INVALID = "webhook_invalid"
    WEBHOOK_TAKEN = "webhook_taken"
    WEBHOOK_NOT_FOUND = "webhook_not_found"
    WEBHOOK_STATE_WRONG = "webhook_state_wrong"
    WEBHOOK_LIMIT = "webhook_limit"
    # Accounts.
    ACCOUNT_CODE_UNKNOWN = "account_code_unknown"
    ACCOUNT_NOT_FOUND = "account_not_found"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_NOT_EMPTY = "account_not_empty"
    BALANCE_INSUFFICIENT = "balance_insufficient"
    LEDGER_FULL = "ledger_full"
    HOLD_NOT_FOUND = "hold_not_found"
    HOLD_EXISTS = "hold_exists"
    HOLD_LIMIT = "hold_limit"
    # Orders of authorities, and lists.
    AUTHORITY_ORDER_NOT_FOUND = "authority_order_not_found"
    AUTHORITY_ORDER_EXISTS = "authority_order_exists"
    AUTHORITY_ORDER_STATE_WRONG = "authority_order_state_wrong"
    AUTHORITY_ORDER_INVALID = "authority_order_invalid"
    AUTHORITY_ORDER_LIMIT = "authority_order_limit"
    DEDUCTION_NOT_FOUND = "deduction_not_found"
    DEDUCTION_EXISTS = "deduction_exists"
    DEDUCTION_STATE_WRONG = "deduction_state_wrong"
    DEDUCTION_BEYOND = "deduction_beyond"
    LIST_INVALID = "list_invalid"
    LIST_VERSION_TAKEN = "list_version_taken"
    LIST_MATCH_NOT_FOUND = "list_match_not_found"
    LIST_MATCH_STATE_WRONG = "list_match_state_wrong"
    ENTRY_UNBALANCED = "entry_unbalanced"
    ENTRY_ALREADY_REVERSED = "entry_already_reversed"
    ENTRY_NOT_FOUND = "entry_not_found"
    ENTRY_NOT_REVERSIBLE = "entry_not_reversible"
    # The business day.
    DAY_NOT_OPEN = "day_not_open"
    DAY_ALREADY_OPEN = "day_already_open"
    DAY_NOT_THE_OPEN_ONE = "day_not_the_open_one"
    DAY_NOT_BEGUN = "day_not_begun"
    CALENDAR_UNPUBLISHED = "calendar_unpublished"
    CALENDAR_VERSION_TAKEN = "calendar_version_taken"
    # Orders, transactions, payments.
    ORDER_EXISTS = "order_exists"
    ORDER_NOT_FOUND = "order_not_found"
    ORDER_NOT_PAYABLE = "order_not_payable"
    ORDER_LINES_INVALID = "order_lines_invalid"
    PAYMENT_IN_PROGRESS = "payment_in_progress"
    PAYMENT_EXISTS = "payment_exists"
    PAYMENT_NOT_FOUND = "payment_not_found"
    PAYMENT_STATE_WRONG = "payment_state_wrong"
    METHOD_UNKNOWN = "method_unknown"
    LEGS_INVALID = "legs_invalid"
    SESSION_EXISTS = "session_exists"
    SESSION_NOT_FOUND = "session_not_found"
    SESSION_OVER = "session_over"
    SESSION_STATE_WRONG = "session_state_wrong"
    LINK_INVALID = "link_invalid"
    WALLET_CAP = "wallet_cap"
    PROOF_MISSING = "proof_missing"
    PROOF_INVALID = "proof_invalid"
    PROOF_UNFIT = "proof_unfit"
    PROOF_EXPIRED = "proof_expired"
    SUSPENSE_NOT_FOUND = "suspense_not_found"
    SUSPENSE_STATE_WRONG = "suspense_state_wrong"
    CHANNEL_UNKNOWN = "channel_unknown"
    CHANNEL_NOT_REGISTERED = "channel_not_registered"
    CHANNEL_UNAVAILABLE = "channel_unavailable"
    MAINTENANCE_INVALID = "maintenance_invalid"
    MAINTENANCE_NOT_FOUND = "maintenance_not_found"
    MAINTENANCE_OVER = "maintenance_over"
    REPORT_NOT_FOUND = "report_not_found"
    REPORT_SETTLED = "report_settled"
    INSTRUCTION_EXISTS = "instruction_exists"
    INSTRUCTION_NOT_FOUND = "instruction_not_found"
    INSTRUCTION_ALREADY_ENDED = "instruction_already_ended"
    INSTRUCTION_NOT_CLOSABLE = "instruction_not_closable"
    TRANSACTION_NOT_FOUND = "transaction_not_found"
    TRANSACTION_NOT_PAID = "transaction_not_paid"
    TRANSACTION_CLOSED = "transaction_closed"
    CONFIRMATION_TOO_EARLY = "confirmation_too_early"
    REFUND_EXISTS = "refund_exists"
    REFUND_NOT_FOUND = "refund_not_found"
    REFUND_TOO_LATE = "refund_too_late"
    REFUND_EXCEEDS_PAID = "refund_exceeds_paid"
    REFUND_STATE_WRONG = "refund_state_wrong"
    REFUND_REJECTED = "refund_rejected"
    TRANSFER_EXISTS = "transfer_exists"
    WITHDRAWAL_EXISTS = "withdrawal_exists"
    WITHDRAWAL_NOT_FOUND = "withdrawal_not_found"
    WITHDRAWAL_STATE_WRONG = "withdrawal_state_wrong"
    WITHDRAWAL_NOT_DUE = "withdrawal_not_due"
    WITHDRAWAL_LIMIT = "withdrawal_limit"
    FEE_DIFFERS = "fee_differs"
    # Settlement.
    BATCH_NOT_FOUND = "batch_not_found"
    BATCH_NOT_COLLECTING = "batch_not_collecting"
    BATCH_STATE_WRONG = "batch_state_wrong"
    BATCH_NOT_DUE = "batch_not_due"
    CHECKER_IS_MAKER = "checker_is_maker"
    PAYOUT_NOT_FOUND = "payout_not_found"
    RESERVE_NOT_FOUND = "reserve_not_found"
    RESERVE_NOT_DUE = "reserve_not_due"
    DEPOSIT_EXISTS = "deposit_exists"
    DEPOSIT_NOT_FOUND = "deposit_not_found"
    # Bills.
    BILL_INVALID = "bill_invalid"
    BILL_MAP_INVALID = "bill_map_invalid"
    BILL_LIMIT = "bill_limit"
    BILL_NOT_READY = "bill_not_ready"
    BILL_UNREACHABLE = "bill_unreachable"
    # Approvals.
    APPROVAL_NOT_FOUND = "approval_not_found"
    APPROVAL_EXISTS = "approval_exists"
    PERSON_UNKNOWN = "person_unknown"
    APPROVAL_STATE_WRONG = "approval_state_wrong"
    APPROVAL_EXPIRED = "approval_expired"
    PAYOUT_UNCONFIRMED = "payout_unconfirmed"
    # The machine itself: nothing was decided, the caller may try again.
    BUSY = "busy"


MEANING: dict[Code, str] = {
    Code.REQUEST_INVALID: "The request is malformed; `field` and `detail` say where.",
    Code.REQUEST_CONFLICT: "The number was used with another body before; both digests are shown.",
    Code.NOT_AUTHENTICATED: "The API key is missing, unknown or revoked.",
    Code.NOT_ALLOWED: "The caller's role or member does not permit this.",
    Code.IDENTIFIER_INVALID: "A number or id has characters or a length that are not allowed.",
    Code.AMOUNT_INVALID: "An amount is not a whole, positive number of fen.",
    Code.AMOUNT_TOO_LARGE: "An amount is above the largest one the ledger takes.",
    Code.DATE_INVALID: "A date or time is malformed or outside the range the ledger takes.",
    Code.TEXT_INVALID: "A text is empty, too long, or has what none may have (docs/texts.md).",
    Code.DOCUMENT_INVALID: "The document is no valid query, is above a limit, or is one too many.",
    Code.DOCUMENT_UNKNOWN: "No document is registered under this id: send its text.",
    Code.BLOB_NOT_FOUND: "The blob store has nothing under this SHA-256.",
    Code.MEMBER_EXISTS: "A member with this id is already registered.",
    Code.MEMBER_NOT_FOUND: "No member has this id.",
    Code.MEMBER_KIND_WRONG: "The member is personal where an enterprise is needed, or the reverse.",
    Code.OPERATOR_LIMIT: "The member has as many operators as the system keeps.",
    Code.OPERATOR_NOT_FOUND: "The member has no operator with this id.",
    Code.TERMS_MISSING: "The merchant has no fee rule or settlement cycle in force on the date.",
    Code.TERMS_INVALID: "A term is malformed, or takes effect in the past.",
    Code.AGREEMENT_MISSING: "The merchant has not signed this product or method for the date.",
    Code.AGREEMENT_LIMIT: "The payment is outside what the merchant has agreed for the method.",
    Code.CONSENT_MISSING: "A change of fees needs the merchant's consent.",
    Code.NOTICE_TOO_SHORT: "A change of fees takes effect only after the notice period.",
    Code.VAULT_LOCKED: "This needs the vault of personal data, and its key is not configured.",
    Code.VAULT_DAMAGED: "The vault holds what its keys did not seal; an operator must look at it.",
    Code.CARD_SECRET: "CVN2, expiry, PIN and track data of a card are never taken.",
    Code.PARTICULARS_INVALID: "A name, card, identity or telephone number cannot be a real one.",
    Code.MEMBER_FORGOTTEN: "The member is forgotten: nothing personal is kept of it any more.",
    Code.RETENTION_NOT_OVER: "The law still requires that the member's data be kept.",
    Code.IDENTITY_DIFFERS: "Name and identity number do not belong together.",
    Code.HOLDER_DIFFERS: "The card is in another name, and no legal relation is recorded.",
    Code.CARD_NOT_FOUND: "The member has no such card.",
    Code.CARD_STATE_WRONG: "The card is not in the state this step needs.",
    Code.CARD_LIMIT: "The member has as many cards as it may have.",
    Code.CODE_EXPIRED: "The one-time code is not good any more: ask for the card anew.",
    Code.FACTOR_MISSING: "The member has no such factor, or none was given.",
    Code.FACTOR_ALREADY_SET: "The member has a payment password: change or reset it.",
    Code.FACTOR_WRONG: "A payment password, a code or a signature is wrong.",
    Code.FACTOR_LOCKED: "Too many wrong tries: it is locked for a time, or until it is reset.",
    Code.CERTIFICATE_NOT_FOUND: "The member has no such certificate.",
    Code.CERTIFICATE_LIMIT: "The member has as many certificates as it may have.",
    Code.WEBHOOK_INVALID: "No events can be sent to this address, or it is not allowed here.",
    Code.WEBHOOK_TAKEN: "The member has another endpoint under this id.",
    Code.WEBHOOK_NOT_FOUND: "The member has no endpoint of this id.",
    Code.WEBHOOK_STATE_WRONG: "Another secret signs now than the one that was to be replaced.",
    Code.WEBHOOK_LIMIT: "The member has as many endpoints as it may have.",
    Code.ACCOUNT_CODE_UNKNOWN: "No such code in the chart, or an owner is missing or not due.",
    Code.ACCOUNT_NOT_FOUND: "No account has this id.",
    Code.ACCOUNT_CLOSED: "The account is closed.",
    Code.ACCOUNT_FROZEN: "The account is frozen in the direction this entry needs.",
    Code.ACCOUNT_NOT_EMPTY: "A member's accounts are closed together; one has a balance or holds.",
    Code.BALANCE_INSUFFICIENT: "The account does not have the money.",
    Code.LEDGER_FULL: "The ledger takes nothing new on: its sums could no longer hold all of it.",
    Code.HOLD_NOT_FOUND: "The account has no hold with this id.",
    Code.HOLD_EXISTS: "A hold of another amount with this id already exists on the account.",
    Code.HOLD_LIMIT: "The account has as many holds as the system keeps.",
    Code.AUTHORITY_ORDER_NOT_FOUND: "No order of an authority has this number.",
    Code.AUTHORITY_ORDER_EXISTS: "Another order of an authority with this number already exists.",
    Code.AUTHORITY_ORDER_STATE_WRONG: "The authority's order is not in the state this step needs.",
    Code.AUTHORITY_ORDER_INVALID: "The authority may not order this, or not until this date.",
    Code.AUTHORITY_ORDER_LIMIT: "As many orders of authorities stand on the account as may.",
    Code.DEDUCTION_NOT_FOUND: "No deduction has this number.",
    Code.DEDUCTION_EXISTS: "Another deduction with this number already exists.",
    Code.DEDUCTION_STATE_WRONG: "The deduction is not in the state this step needs.",
    Code.DEDUCTION_BEYOND: "The deduction is more than is stopped for its order.",
    Code.LIST_INVALID: "The list cannot be read; `detail` says which line, and why.",
    Code.LIST_VERSION_TAKEN: "Another list was loaded under this version, or a newer one.",
    Code.LIST_MATCH_NOT_FOUND: "The member has no such match.",
    Code.LIST_MATCH_STATE_WRONG: "The match is not in the state this step needs.",
    Code.ENTRY_UNBALANCED: "Debits and credits differ, or an entry has no lines.",
    Code.ENTRY_ALREADY_REVERSED: "The entry has been reversed before.",
    Code.ENTRY_NOT_FOUND: "No entry stands at this reference.",
    Code.ENTRY_NOT_REVERSIBLE: "Another record stands on this entry; its own step undoes it.",
    Code.DAY_NOT_OPEN: "No business day is open.",
    Code.DAY_ALREADY_OPEN: "A business day is already open.",
    Code.DAY_NOT_THE_OPEN_ONE: "The date named is not the open business day.",
    Code.DAY_NOT_BEGUN: "The business day has not begun yet.",
    Code.CALENDAR_UNPUBLISHED: "The working-day calendar for this year has not been published.",
    Code.CALENDAR_VERSION_TAKEN: "A calendar of this version, or of a newer one, is in force.",
    Code.ORDER_EXISTS: "An order with this number is already placed.",
    Code.ORDER_NOT_FOUND: "No order has this number.",
    Code.ORDER_NOT_PAYABLE: "The order is paid or closed.",
    Code.ORDER_LINES_INVALID: "An order needs 1 to 100 lines, one per merchant.",
    Code.PAYMENT_IN_PROGRESS: "Another payment of this order has no outcome yet.",
    Code.PAYMENT_EXISTS: "A payment with this number already exists.",
    Code.PAYMENT_NOT_FOUND: "No payment has this number.",
    Code.PAYMENT_STATE_WRONG: "The payment is not in the state this step needs.",
    Code.METHOD_UNKNOWN: "No channel carries this payment method.",
    Code.LEGS_INVALID: "The legs are no plan for this payment.",
    Code.SESSION_EXISTS: "Another cashier session with this number already exists.",
    Code.SESSION_NOT_FOUND: "No cashier session has this number.",
    Code.SESSION_OVER: "The cashier session is over, cancelled, or its wallet is filled.",
    Code.SESSION_STATE_WRONG: "The page is an old one: another choice was made meanwhile.",
    Code.LINK_INVALID: "The link to the cashier session is not one of ours.",
    Code.WALLET_CAP: "A cap of the customer's wallets does not leave so much.",
    Code.PROOF_MISSING: "What a wallet or a bound card pays needs a proof by its owner.",
    Code.PROOF_INVALID: "It is no proof that was given here for this member.",
    Code.PROOF_UNFIT: "The proof was given for something else.",
    Code.PROOF_EXPIRED: "The proof is not good any more: the payer must agree anew.",
    Code.SUSPENSE_NOT_FOUND: "No suspense item has this id.",
    Code.SUSPENSE_STATE_WRONG: "The suspense item is not in the state this step needs.",
    Code.CHANNEL_UNKNOWN: "No channel has this name.",
    Code.CHANNEL_NOT_REGISTERED: "The channel is not registered in this ledger yet.",
    Code.CHANNEL_UNAVAILABLE: "No channel of this method carries such a payment now.",
    Code.MAINTENANCE_INVALID: "The time of maintenance ends too early, or is one too many.",
    Code.MAINTENANCE_NOT_FOUND: "The channel has no time of maintenance of this number.",
    Code.MAINTENANCE_OVER: "The time of maintenance is over.",
    Code.REPORT_NOT_FOUND: "The channel has made no report of this number.",
    Code.REPORT_SETTLED: "The report was settled before, for another reason.",
    Code.INSTRUCTION_EXISTS: "An instruction with this id was already issued.",
    Code.INSTRUCTION_NOT_FOUND: "No instruction has this id.",
    Code.INSTRUCTION_ALREADY_ENDED: "The instruction already has another final outcome.",
    Code.INSTRUCTION_NOT_CLOSABLE: "Refunds and payouts end by their channel's word alone.",
    Code.TRANSACTION_NOT_FOUND: "No transaction has this id.",
    Code.TRANSACTION_NOT_PAID: "The transaction has not been paid.",
    Code.TRANSACTION_CLOSED: "The transaction is closed, or everything was refunded.",
    Code.CONFIRMATION_TOO_EARLY: "The time for automatic confirmation has not come.",
    Code.REFUND_EXISTS: "A refund with this number already exists.",
    Code.REFUND_NOT_FOUND: "No refund has this number.",
    Code.REFUND_TOO_LATE: "The days in which the transaction may be refunded are over.",
    Code.REFUND_EXCEEDS_PAID: "The refunds of a transaction may not exceed what was paid.",
    Code.REFUND_STATE_WRONG: "The refund does not wait for an approval.",
    Code.REFUND_REJECTED: "An operator rejected this refund; its number is used up.",
    Code.TRANSFER_EXISTS: "A transfer with this number already exists.",
    Code.WITHDRAWAL_EXISTS: "A withdrawal with this number already exists.",
    Code.WITHDRAWAL_NOT_FOUND: "No withdrawal has this number.",
    Code.WITHDRAWAL_STATE_WRONG: "The withdrawal is not in the state this step needs.",
    Code.WITHDRAWAL_NOT_DUE: "The withdrawal does not leave before its date.",
    Code.WITHDRAWAL_LIMIT: "The amount is outside what may be withdrawn at once, or in a day.",
    Code.FEE_DIFFERS: "The fee is not the one that was shown: show it again.",
    Code.BATCH_NOT_FOUND: "No settlement batch has this id.",
    Code.BATCH_NOT_COLLECTING: "The settlement batch is already sealed.",
    Code.BATCH_STATE_WRONG: "The settlement batch is not in the state this step needs.",
    Code.BATCH_NOT_DUE: "The settlement batch is not due yet.",
    Code.CHECKER_IS_MAKER: "Who sealed, asked for or proposed something may not check it.",
    Code.PAYOUT_NOT_FOUND: "The batch has no such payout in the state this step needs.",
    Code.RESERVE_NOT_FOUND: "Nothing of this merchant was ever withheld until this date.",
    Code.RESERVE_NOT_DUE: "The reserve is not released before its date.",
    Code.DEPOSIT_EXISTS: "A deposit with this number already exists.",
    Code.DEPOSIT_NOT_FOUND: "No deposit has this number.",
    Code.BILL_INVALID: "The bill cannot be read or adds up to other totals; `detail` says where.",
    Code.BILL_MAP_INVALID: "The mapping of a bill cannot be used; `detail` says where, and why.",
    Code.BILL_LIMIT: "The bill has as many versions as the system keeps of one.",
    Code.BILL_NOT_READY: "The channel is still making the bill: fetch it later.",
    Code.BILL_UNREACHABLE: "The bill could not be fetched; `detail` says why.",
    Code.APPROVAL_NOT_FOUND: "No approval has this id.",
    Code.APPROVAL_EXISTS: "Another approval with this id already exists.",
    Code.PERSON_UNKNOWN: "It needs two persons, and the key does not say whose it is.",
    Code.APPROVAL_STATE_WRONG: "It was decided, withdrawn or has expired before.",
    Code.APPROVAL_EXPIRED: "Nobody decided in time; it may be proposed again.",
    Code.PAYOUT_UNCONFIRMED: "A person has recorded how the payout ended; its bank has not.",
    Code.BUSY: "The ledger could not take the command now; nothing was recorded, try again.",
}


# The caller's number or id is taken. All callers share one space of numbers, so each must hear that
# its number is taken; what it was taken for is the other's business.
NUMBER_TAKEN = frozenset(
    {
        Code.MEMBER_EXISTS,
        Code.HOLD_EXISTS,
        Code.ORDER_EXISTS,
        Code.PAYMENT_EXISTS,
        Code.SESSION_EXISTS,
        Code.INSTRUCTION_EXISTS,
        Code.REFUND_EXISTS,
        Code.TRANSFER_EXISTS,
        Code.WITHDRAWAL_EXISTS,
        Code.AUTHORITY_ORDER_EXISTS,
        Code.DEDUCTION_EXISTS,
        Code.DEPOSIT_EXISTS,
        Code.APPROVAL_EXISTS,
    }
)


# What is wrong with a request itself, whatever the books say: it never could have been decided.
# Such a no is not kept, and does not use the number of the request up.
MALFORMED = frozenset(
    {
        Code.REQUEST_INVALID,
        Code.IDENTIFIER_INVALID,
        Code.AMOUNT_INVALID,
        Code.AMOUNT_TOO_LARGE,
        Code.DATE_INVALID,
        Code.TEXT_INVALID,
        Code.ACCOUNT_CODE_UNKNOWN,
        Code.ORDER_LINES_INVALID,
        Code.METHOD_UNKNOWN,
    }
)


class Refused(Exception):
    """A typed "no": the code, the field it is about (may be empty), and a sentence of detail."""

    def __init__(self, code: Code, field: str = "", detail: str = "") -> None:
        super().__init__(code, field, detail)
        self.code = code
        self.field = field
        self.detail = detail or MEANING[code]

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{self.code}: {where}{self.detail}"
