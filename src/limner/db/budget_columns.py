"""SQL of the columns that accounts and keys both have: what was spent in a day and in a month of UTC, and the budgets.

The parameters are `:price` or `:unspent`, and the numbers of the task's periods, `:day` and `:month`.
"""

TODAY = "CASE WHEN day = :day THEN spent_on_day ELSE 0 END"
_THIS_MONTH = "CASE WHEN month = :month THEN spent_in_month ELSE 0 END"
_DAY_WARNED = "CASE WHEN day = :day THEN day_warned ELSE 0 END"
_MONTH_WARNED = "CASE WHEN month = :month THEN month_warned ELSE 0 END"

BUDGETS = f"{TODAY}, most_credits_a_day, {_DAY_WARNED}, {_THIS_MONTH}, most_credits_a_month, {_MONTH_WARNED}"
"""What `budgets_from` takes, in a SELECT."""

CHARGED_BUDGETS = "spent_on_day, most_credits_a_day, day_warned, spent_in_month, most_credits_a_month, month_warned"
"""The same in the RETURNING of a statement with `CHARGE_BUDGETS`."""

CHARGE_BUDGETS = (
    f"spent_on_day = {TODAY} + :price, day_warned = {_DAY_WARNED}, day = :day, "
    f"spent_in_month = {_THIS_MONTH} + :price, month_warned = {_MONTH_WARNED}, month = :month"
)
WITHIN_BUDGETS = (
    f"(most_credits_a_day IS NULL OR {TODAY} + :price <= most_credits_a_day) "
    f"AND (most_credits_a_month IS NULL OR {_THIS_MONTH} + :price <= most_credits_a_month)"
)
RETURN_TO_BUDGETS = (
    "spent_on_day = spent_on_day - CASE WHEN day = :day THEN :unspent ELSE 0 END, "
    "spent_in_month = spent_in_month - CASE WHEN month = :month THEN :unspent ELSE 0 END"
)
