"""Damage to schedules: their dates, what is due of them, and who posts it."""

from tests.mutants.mutant import of

MUTANTS = (
    *of(
        "ledger/core/dates.py",
        (
            "there is one date more than was said",
            "number >= rule.count:",
            "number > rule.count:",
        ),
        ("the last day is no date", "day > rule.last)", "day >= rule.last)"),
        (
            "there is no end to dates",
            "if day is None or day > LAST_DATE or",
            "if day is None or",
        ),
        (
            "after a short month the day stays",
            "min(first.day, last_day(year, month + 1).day)",
            "min(first.day, 28)",
        ),
        ("every second month is every month", "number * rule.step\n", "number\n"),
        (
            "an order of once is over on its day",
            "if day <= rule.first:",
            "if day < rule.first:",
        ),
        (
            "dates are counted a step too early",
            "return -((rule.first - day).days // (rule.step * _DAYS[rule.every]))",
            "return (day - rule.first).days // (rule.step * _DAYS[rule.every])",
        ),
        (
            "the first date not before a day is not that day",
            "is not None and dated < day:",
            "is not None and dated <= day:",
        ),
        (
            "a holiday keeps what falls on a weekend",
            'if rule.on_holiday != "as_is" and is_holiday(of):',
            "if is_holiday(of):",
        ),
        ("Saturday is a working day", "of.weekday() >= 5", "of.weekday() > 5"),
        (
            "a date moves the other way",
            'A_DAY if how == "after" else -A_DAY',
            'A_DAY if how == "before" else -A_DAY',
        ),
        ("a date is moved a day less", "range(1, SHIFT_MAX + 1)", "range(1, SHIFT_MAX)"),
        (
            "a date is moved onto a weekend",
            'if shift(day + days * step) == "as_is":',
            "if not is_holiday(day + days * step):",
        ),
        (
            "a time that does not come is not looked for",
            "if _offset(moment, zone) == local.utcoffset():",
            "if moment:",
        ),
        (
            "a time that does not come is a minute late",
            "while late - early > 1:",
            "while late - early > 60:",
        ),
        tests=("tests/core/test_dates.py",),
    ),
    *of(
        "ledger/core/schedules.py",
        (
            "a date that is over comes again",
            "day = max(day, there.last.date + A_DAY)",
            "day = max(day, there.last.date)",
        ),
        (
            "a schedule set anew begins at its first date",
            "day = line.schedule.first if line.since is UNSET else line.since",
            "day = line.schedule.first",
        ),
        (
            "a schedule changes while its date is being approved",
            "if self.waits(line.code):",
            "if not line.code:",
        ),
        (
            "a schedule waits for a proposal of another",
            "code in self._places and self.id_of(code) in waiting",
            "code in self._places",
        ),
        (
            "a schedule's payee may be closed",
            "return rule.debit_account, rule.credit_account\n",
            "return rule.debit_account, rule.debit_account\n",
        ),
        (
            "a schedule is set that has no date",
            "if date_of(schedule, self.begins(line)) is None:",
            "if date_of(schedule, 0) is None:",
        ),
        (
            "a holiday stands twice",
            "in_order = line.dates == sorted(set(line.dates))",
            "in_order = line.dates == sorted(line.dates)",
        ),
        (
            "a holiday is of another year",
            "if not in_order or any(day.year != line.year for day in line.dates):",
            "if not in_order:",
        ),
        (
            "a note of an earlier attempt is believed",
            "            line.attempt,\n        ):",
            "            standing.attempt,\n        ):",
        ),
        (
            "a note of an earlier schedule is believed",
            "!= (\n            line.schedule,",
            "!= (\n            standing.leaf,",
        ),
        (
            "any date is skipped",
            'if is_skipped is not (line.outcome == "skipped"):',
            'if is_skipped and line.outcome != "skipped":',
        ),
        (
            "a skipped date is missed",
            'if is_skipped is not (line.outcome == "skipped"):',
            'if not is_skipped and line.outcome == "skipped":',
        ),
        (
            "holidays move nothing that is to come",
            (
                "                for code, standing in self.by_code.items():\n"
                "                    self._put(code, standing)\n"
            ),
            "",
        ),
        (
            "an id that another spent counts as a refusal",
            "self._put(line.code, replace(standing, attempt=standing.attempt + 1))",
            (
                'more = {"attempt": standing.attempt + 1, "refused": standing.refused + 1}\n'
                "                    self._put(line.code, replace(standing, **more))"
            ),
        ),
        (
            "anybody's batch moves a schedule on",
            "if line.key != SCHEDULER:",
            "if not line.key:",
        ),
        (
            "one attempt too many",
            "standing.refused < standing.schedule.retries:",
            "standing.refused <= standing.schedule.retries:",
        ),
        (
            "what cannot pass is tried again",
            "elif line.code in PASSING and standing",
            "elif standing",
        ),
        (
            "a retry does not wait",
            "not_before=line.recorded_at + wait,",
            "not_before=line.recorded_at,",
        ),
        ("the next date waits for the retry of the last", "        not_before=0,\n", ""),
        (
            "refusals of one date count for the next",
            "        refused=0,\n        not_before=0",
            "        not_before=0",
        ),
        (
            "the attempts of one date count for the next",
            "        attempt=1,\n        refused=0",
            "        refused=0",
        ),
        ("one outcome more is kept", "done)[-DONE_KEPT:],", "done)[-DONE_KEPT - 1 :],"),
        (
            "an attempt that was posted does not count",
            "attempts=standing.refused + 1,\n                sequence",
            "attempts=standing.refused,\n                sequence",
        ),
        (
            "what was done before is forgotten",
            "done=() if there is None else there.done,\n        )\n        self._put",
            "done=(),\n        )\n        self._put",
        ),
        ("a restart forgets when to try again", "not_before=line.not_before,", "not_before=0,"),
        ("a restart forgets which attempt is next", "attempt=line.attempt,", "attempt=1,"),
        (
            "a schedule stands in the queue twice",
            "del self.queue[bisect_left(self.queue, place)]",
            "pass",
        ),
        tests=(
            "tests/core/test_schedules.py",
            "tests/core/test_agenda.py",
            "tests/services/test_scheduler.py",
        ),
    ),
    *of(
        "ledger/core/scheduling.py",
        (
            "a date that is being tried is over when the order changes",
            (
                "    if there is not None and there.date is not None:\n"
                "        since = min(since, there.date)\n"
            ),
            "",
        ),
        (
            "an order sent again is another",
            "if there is not None and there.schedule == schedule:\n        return [], there",
            (
                "if there is not None and there.schedule == schedule and not code:\n"
                "        return [], there"
            ),
        ),
        (
            "nothing is posted on its moment",
            "        if at > now:\n",
            "        if at >= now:\n",
        ),
        (
            "nothing is tried again on its moment",
            "        if due > now:\n",
            "        if due >= now:\n",
        ),
        (
            "a retry does not wait for its time",
            "due = max(at, standing.not_before)\n",
            "due = at\n",
        ),
        (
            "one more than was asked for",
            "if len(found) == most or day >= end:",
            "if len(found) > most or day >= end:",
        ),
        (
            "after a stop a later date comes before an earlier one",
            "len(found) == most or day >= end:",
            "len(found) == most or day > end:",
        ),
        (
            "after a stop the dates of many come as they like",
            "end = min(end, date_of(standing.schedule, standing.number + 1) or end)",
            "end = date.max",
        ),
        ("what was put off is tried at once", "elif code not in without and not", "elif not"),
        (
            "what waits for approval is proposed again",
            " and not book.schedules.waits(code):",
            ":",
        ),
        (
            "the next look is after the last retry",
            "following = due if following is None else min(due, following)",
            "following = due",
        ),
        (
            "a date is missed on its last minute",
            "now - due.at > miss_after * MINUTE_US",
            "now - due.at >= miss_after * MINUTE_US",
        ),
        (
            "the ledger's own time is not asked",
            "is_time = _is_missed(due, now) if is_given_up else due.at <= now",
            "is_time = True",
        ),
        (
            "it is tried while no day is open",
            "    if not _is_day_open(book):\n        return Agenda([], None)\n",
            "",
        ),
        (
            "a schedule that was changed is posted as it was",
            "there == due.standing and",
            "there.date == due.date and",
        ),
        (
            "it is posted though the day was closed",
            "there == due.standing and _is_day_open(book)",
            "there == due.standing",
        ),
        (
            "a holiday set meanwhile moves nothing",
            "if is_as_it_was and is_time and book.schedules.day_of(due.standing) == due.day:",
            "if is_as_it_was and is_time:",
        ),
        ("nobody entered it", "        entered_by=standing.by,\n", ""),
        (
            "all of it or nothing, though up to was asked",
            "terms=UNSET if rule.up_to is UNSET else AskedTerms(up_to=rule.up_to)",
            "terms=UNSET",
        ),
        (
            "what comes says nothing of a retry",
            "            at = max(at, standing.not_before)\n",
            "            pass\n",
        ),
        tests=("tests/core/test_agenda.py", "tests/services/test_scheduler.py"),
    ),
    *of(
        "ledger/services/scheduler.py",
        (
            "it is posted though it was cancelled meanwhile",
            "self._desk.post(ledger, asked, CALLER, unless=unless)",
            "self._desk.post(ledger, asked, CALLER)",
        ),
        (
            "an id that another spent stops a schedule",
            "await self._note(ledger, due, id_used(due, self._clock()))",
            "pass",
        ),
        (
            "a note is recorded of what is no more due",
            "            refusal = no_more_due(book, due, now)\n            return refusal or ",
            "            refusal = no_more_due(book, due, now)\n            return ",
        ),
        (
            "two of an account are under way",
            "if len(wave) == WAVE_MAX or not accounts.isdisjoint(both):",
            "if len(wave) == WAVE_MAX:",
        ),
        (
            "only the last two accounts of a wave are looked at",
            "accounts |= both",
            "accounts = both",
        ),
        ("any number is under way at once", "if len(wave) == WAVE_MAX or not", "if not"),
        ("what was put off is never tried again", "if until <= now]:", "if until <= 0]:"),
        (
            "a fault of one is swallowed",
            (
                "                if isinstance(outcome, BaseException):\n"
                "                    raise outcome\n"
            ),
            "                pass\n",
        ),
        (
            "it looks again before the next is due",
            "min(self._poll_s, max(0, found.next - self._clock()) / 1e6)",
            "self._poll_s",
        ),
        tests=("tests/services/test_scheduler.py",),
    ),
    *of(
        "ledger/core/state.py",
        (
            "no part hears what is not its own",
            "                part.heard(line)\n",
            "                pass\n",
        ),
        tests=("tests/core/test_schedules.py", "tests/services/test_scheduler.py"),
    ),
    *of(
        "ledger/sequencer/pending.py",
        (
            "what speaks against a post is not asked",
            "refusal = None if unless is None else unless(decider.book, decider.now())",
            "refusal = None",
        ),
        tests=("tests/services/test_scheduler.py",),
    ),
)
