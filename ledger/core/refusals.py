"""Refusals: the ledger understood, and the answer is no.

A refusal is a value, not an exception, so that one refused transfer never upsets the
batch around it and mypy can see that every outcome is handled.
"""

from enum import StrEnum

from msgspec import Struct


class RefusalCode(StrEnum):
    """Why not. In order of precedence: where several apply, the first is given."""

    # A ledger, its currencies, keys and accounts.
    LEDGER_CODE_USED = "ledger_code_used"
    CURRENCY_CODE_USED = "currency_code_used"
    ACCOUNT_CODE_USED = "account_code_used"
    ACCOUNT_CODE_LOOKS_PERSONAL = "account_code_looks_personal"
    ACCOUNT_NOT_FOUND = "account_not_found"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_FROZEN_BY_ORDER = "account_frozen_by_order"
    ACCOUNT_IN_DEBT = "account_in_debt"
    ACCOUNT_NOT_AT_ZERO = "account_not_at_zero"
    ACCOUNT_HAS_HOLDS = "account_has_holds"
    ACCOUNT_HAS_SUSPENSE = "account_has_suspense"
    ACCOUNT_HAS_PROPOSALS = "account_has_proposals"
    ACCOUNT_IN_USE = "account_in_use"  # By a rule of the ledger, or a schedule.
    HOLDS_NOT_DUE = "holds_not_due"  # Of a line that says they are expired.
    LEVY_NOT_FOUND = "levy_not_found"
    RATE_ABOVE_ONE = "rate_above_one"
    TOO_MANY_LEVIES = "too_many_levies"  # For one kind.
    DEMURRAGE_NOT_FOUND = "demurrage_not_found"
    DEMURRAGE_ACCOUNT_DIFFERS = "demurrage_account_differs"
    FEE_NOT_FOUND = "fee_not_found"
    RESERVE_NOT_FOUND = "reserve_not_found"
    CURRENCY_NOT_BACKED = "currency_not_backed"
    NO_SUCH_PERIOD = "no_such_period"  # Of a run.
    PERIOD_NOT_BEGUN = "period_not_begun"
    PERIOD_NOT_OVER = "period_not_over"
    SCHEDULE_NOT_FOUND = "schedule_not_found"
    SCHEDULE_CODE_USED = "schedule_code_used"  # By another, whose it is.
    SCHEDULE_EMPTY = "schedule_empty"
    OCCURRENCE_NOT_DUE = "occurrence_not_due"
    HOLIDAYS_NOT_OF_YEAR = "holidays_not_of_year"
    POLICY_NOT_FOUND = "policy_not_found"
    WORKFLOW_NOT_FOUND = "workflow_not_found"
    WORKFLOW_NOT_POSSIBLE = "workflow_not_possible"
    WORKFLOW_IN_USE = "workflow_in_use"
    PROPOSAL_NOT_OPEN = "proposal_not_open"
    PROPOSAL_NOT_DUE = "proposal_not_due"  # Of a line that says it is over, or accepted.
    DECISION_NOT_NEEDED = "decision_not_needed"
    APPROVER_IS_MAKER = "approver_is_maker"
    APPROVED_ALREADY = "approved_already"
    DISPUTE_OPEN = "dispute_open"
    DISPUTE_NOT_OPEN = "dispute_not_open"
    DISPUTE_NOT_DUE = "dispute_not_due"  # Of a line that says it is overdue.
    POSTER_KEY_USED = "poster_key_used"
    POSTER_KEY_NOT_FOUND = "poster_key_not_found"
    BOUNDS_CROSSED = "bounds_crossed"
    LIMIT_IS_EARNED = "limit_is_earned"
    LIMIT_IS_PLANNED = "limit_is_planned"
    LIMIT_PLAN_OVER = "limit_plan_over"
    LIMIT_PLAN_NOT_FOUND = "limit_plan_not_found"
    LIMIT_NOT_DUE = "limit_not_due"  # Of a line that says a plan begins or ends.
    DAYS_KEPT_BY_CLOCK = "days_kept_by_clock"
    DAY_NOT_NEW = "day_not_new"
    DAY_TOO_EARLY = "day_too_early"
    DAY_NOT_OPEN = "day_not_open"
    DAY_BEFORE_IS_OPEN = "day_before_is_open"
    DAY_NOT_DUE = "day_not_due"  # Of a line that says the clock closed it.
    DAY_TOTALS_DIFFER = "day_totals_differ"
    PERIOD_NOT_MARKED_SO = "period_not_marked_so"
    PERIOD_FINAL = "period_final"
    PERIOD_BEFORE_IS_OPEN = "period_before_is_open"
    ACT_MISSING = "act_missing"
    # A batch as a whole.
    ID_USED_BY_ANOTHER_BATCH = "id_used_by_another_batch"
    SIGNATURE_MISSING = "signature_missing"  # These two leave no line.
    SIGNATURE_NOT_ACCEPTED = "signature_not_accepted"
    PROPOSAL_PENDING = "proposal_pending"
    PROPOSALS_FULL = "proposals_full"
    PROPOSAL_DECLINED = "proposal_declined"
    PROPOSAL_CANCELLED = "proposal_cancelled"
    PROPOSAL_EXPIRED = "proposal_expired"
    BATCH_EXPIRED = "batch_expired"
    CURRENCY_NOT_FOUND = "currency_not_found"
    CURRENCY_MUST_MATCH_ACCOUNTS = "currency_must_match_accounts"
    NO_DAY_OPEN = "no_day_open"
    # A transfer; with `atomic`, of the first position that has any.
    DEBIT_ACCOUNT_NOT_FOUND = "debit_account_not_found"
    CREDIT_ACCOUNT_NOT_FOUND = "credit_account_not_found"
    CONTROL_SUMS_DIFFER = "control_sums_differ"  # Of the batch, once its accounts are known.
    ACCOUNTS_MUST_DIFFER = "accounts_must_differ"
    ACCOUNTS_OF_DIFFERENT_CURRENCIES = "accounts_of_different_currencies"
    REFERENCE_USED = "reference_used"
    BUSINESS_DATE_NOT_OPEN = "business_date_not_open"
    VALUE_DATE_TOO_EARLY = "value_date_too_early"
    # Of a batch, once no transfer is refused for the reasons above: it waits as a proposal. No
    # line has it.
    APPROVAL_NEEDED = "approval_needed"
    TERMS_ACCOUNT_NOT_USABLE = "terms_account_not_usable"  # For the rest, or as suspense.
    HOLD_NOT_OPEN = "hold_not_open"
    HOLD_EXPIRED = "hold_expired"
    TARGET_NOT_FOUND = "target_not_found"
    TARGET_NOT_REVERSIBLE = "target_not_reversible"
    TARGET_NOT_IN_SUSPENSE = "target_not_in_suspense"
    TARGET_DIFFERS = "target_differs"
    EXCEEDS_TARGET = "exceeds_target"
    RATE_DIFFERS = "rate_differs"
    RESIDUE_DIFFERS = "residue_differs"
    DEBIT_ACCOUNT_CLOSED = "debit_account_closed"
    CREDIT_ACCOUNT_CLOSED = "credit_account_closed"
    DEBIT_ACCOUNT_FROZEN = "debit_account_frozen"
    CREDIT_ACCOUNT_FROZEN = "credit_account_frozen"
    EXCEEDS_CREDIT_LIMIT = "exceeds_credit_limit"
    EXCEEDS_BALANCE_LIMIT = "exceeds_balance_limit"
    EXCEEDS_RESERVE = "exceeds_reserve"
    EXCEEDS_PAYMENT_LIMIT = "exceeds_payment_limit"
    ENTRY_REFUSED = "entry_refused"  # For another transfer of the same entry.


class Refusal(Struct, frozen=True, kw_only=True):
    """No, and why.

    `position` is the place in the batch, from 0; `account` the number of the account
    the rule looked at; `available` the minor units that would have been accepted.
    """

    code: RefusalCode
    position: int | None = None
    account: int | None = None
    available: int | None = None
