"""The rules of posting once more, in the plainest way there is, from JOURNAL.md alone.

Nothing here is shared with ledger/core. The model keeps two lists that only grow: the lines of
the journal, as dictionaries with account codes in the place of numbers, and the rows that
batches made. Whatever is asked of it (a balance, what is left of a hold, which plan has begun,
what a day came to) is told again from the first line every time; days are walked one by one;
parts of amounts are fractions; and to take back is to cut the lists.

A new rule has one place each:

* why a line cannot follow: a function in `Plain.speakers`, which says all that is wrong with it
  (the page's order picks the first);
* why a transfer cannot be, whatever the balances are: a function in posting.RULES, in order;
* why an amount cannot move now: `Posting.why_not`;
* what is moved besides: `Posting.move_beside`;
* how it stands in a snapshot: a function in snapshot.PARTS;
* what somebody may ask for: a step in tests/core/wishes.
"""
