"""The codes of every "no": one closed enum, in order of precedence. What each means stands in
`domain/refusals.py`."""

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
    # The institution's own books.
    OWN_MOVEMENT_EXISTS = "own_movement_exists"
    OWN_MOVEMENT_NOT_FOUND = "own_movement_not_found"
    OWN_MOVEMENT_STATE_WRONG = "own_movement_state_wrong"
    TOP_UP_NOT_FOUND = "top_up_not_found"
    TOP_UP_STATE_WRONG = "top_up_state_wrong"
    RESERVE_PROOF_WRONG = "reserve_proof_wrong"
    # Bills.
    BILL_INVALID = "bill_invalid"
    BILL_MAP_INVALID = "bill_map_invalid"
    BILL_LIMIT = "bill_limit"
    BILL_HAS_LINES = "bill_has_lines"
    DIFFERENCE_NOT_FOUND = "difference_not_found"
    DIFFERENCE_STATE_WRONG = "difference_state_wrong"
    RESOLUTION_UNFIT = "resolution_unfit"
    RESOLUTION_FINAL = "resolution_final"
    CHARGEBACK_NOT_FOUND = "chargeback_not_found"
    CHARGEBACK_STATE_WRONG = "chargeback_state_wrong"
    CHARGEBACK_EXCEEDS_PAID = "chargeback_exceeds_paid"
    RECONCILIATION_STALE = "reconciliation_stale"
    BILL_SOURCE_MISSING = "bill_source_missing"
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
        Code.OWN_MOVEMENT_EXISTS,
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
