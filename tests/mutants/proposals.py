"""Damage to what waits for others: proposals, rules of approval, workflows, disputes."""

from tests.mutants.mutant import of

MUTANTS = (
    *of(
        "ledger/core/proposals.py",
        (
            "one approval too few is enough",
            "return self.approvals_left <= 0 and",
            "return self.approvals_left <= 1 and",
        ),
        (
            "approved, it need not be accepted",
            "return self.approvals_left <= 0 and not self.waits_for_acceptance",
            "return self.approvals_left <= 0",
        ),
        (
            "it is never accepted by itself",
            "return min(self.line.expires, self.line.accept_at)",
            "return self.line.expires",
        ),
        (
            "others are paid than was approved",
            "return len(transfers) == line.count and sums == line.sums and is_between",
            "return len(transfers) == line.count and sums == line.sums",
        ),
        (
            "more is paid than was approved",
            "return len(transfers) == line.count and sums == line.sums and is_between",
            "return len(transfers) == line.count and is_between",
        ),
        (
            "more transfers than were approved",
            "return len(transfers) == line.count and sums == line.sums and is_between",
            "return sums == line.sums and is_between",
        ),
        (
            "it is accepted by itself after it expired",
            "at <= now < self.line.expires",
            "at <= now",
        ),
        (
            "a batch overtakes its proposal",
            "if is_batch and line.batch in self.open:",
            "if is_batch and not line.batch:",
        ),
        (
            "a batch poses as one that was approved",
            "if is_batch and line.proposed is not UNSET:",
            "if is_batch and line.proposed == -1:",
        ),
        (
            "another batch follows the decision",
            "if not is_batch or line.batch != ending.proposal.line.batch:",
            "if not is_batch:",
        ),
        (
            "what was declined is posted",
            "            if ending.refused is not None:\n",
            "            if ending.refused and not line.batch:\n",
        ),
        (
            "a batch names another proposal",
            "if line.proposed != ending.proposal.index:",
            "if line.proposed is UNSET:",
        ),
        (
            "another poster than its proposal's",
            "if (line.poster, line.key) != (",
            "if not line.key and (line.poster, line.key) != (",
        ),
        (
            "it is refused for another reason than it ended",
            "elif ending.refused is not None and line.code != ending.refused:",
            "elif not line.code:",
        ),
        (
            "a whitelist is read the wrong way round",
            '(line.payer, line.payee) if line.accepts == "payer" else (line.payee, line.payer)',
            '(line.payee, line.payer) if line.accepts == "payer" else (line.payer, line.payee)',
        ),
        (
            "it expires a moment late",
            "over = [each for each in due if each[0] <= now]",
            "over = [each for each in due if each[0] < now]",
        ),
        (
            "one proposal too many waits",
            "if len(self.open) >= OPEN_MAX or",
            "if len(self.open) > OPEN_MAX or",
        ),
        (
            "transfers without end wait",
            (
                "if len(self.open) >= OPEN_MAX or self.transfers + line.count > "
                "OPEN_TRANSFERS_MAX:"
            ),
            "if len(self.open) >= OPEN_MAX:",
        ),
        (
            "a payment of two is proposed",
            "if rule.accepts != line.accepts or line.count != 1 or not is_payment:",
            "if rule.accepts != line.accepts or not is_payment:",
        ),
        (
            "a payment between nobody is proposed",
            "or line.count != 1 or not is_payment:",
            "or line.count != 1:",
        ),
        (
            "it expires before it waits",
            "if line.expires <= line.recorded_at:",
            "if line.expires < line.recorded_at:",
        ),
        (
            "what is looked at is kept back",
            "            self._reserve(undo, one, 1)\n        undo.back_to(0)\n",
            "            self._reserve(undo, one, 1)\n",
        ),
        (
            "each amount is looked at alone",
            (
                "                break\n"
                "            self._reserve(undo, one, 1)\n"
                "        undo.back_to(0)"
            ),
            "                break\n        undo.back_to(0)",
        ),
        (
            "it expires before its time",
            "is_meant = is_over and line.by is UNSET",
            "is_meant = line.by is UNSET",
        ),
        (
            "somebody lets it expire",
            "is_meant = is_over and line.by is UNSET",
            "is_meant = is_over",
        ),
        (
            "it is approved at its end",
            "is_over = proposal.line.expires <= line.recorded_at",
            "is_over = proposal.line.expires < line.recorded_at",
        ),
        (
            "the ledger itself declines",
            (
                "return Refusal(code=RefusalCode.DECISION_NOT_NEEDED) if line.by is "
                "UNSET else None"
            ),
            "return None",
        ),
        (
            "the key that made it approves",
            "makers = {proposal.line.key, *(proposal.line.made_by or ())}",
            "makers = {*(proposal.line.made_by or ())}",
        ),
        (
            "the person who made it approves",
            "makers = {proposal.line.key, *(proposal.line.made_by or ())}",
            "makers = {proposal.line.key}",
        ),
        (
            "a person with two keys approves twice",
            "if line.by in before or (line.user is not UNSET and line.user in before):",
            "if line.by in before:",
        ),
        (
            "one key approves twice",
            "if line.by in before or (line.user is not UNSET and line.user in before):",
            "if line.user is not UNSET and line.user in before:",
        ),
        (
            "more approve than was asked for",
            "if line.by is UNSET or proposal.approvals_left <= 0:",
            "if line.by is UNSET:",
        ),
        (
            "it is accepted twice",
            (
                "        if not proposal.waits_for_acceptance:\n"
                "            return Refusal(code=RefusalCode.DECISION_NOT_NEEDED)\n"
            ),
            "",
        ),
        (
            "a whitelist accepts what nobody need accept",
            "        if line.accepts is UNSET:\n            return False\n",
            "",
        ),
        (
            "it is accepted by itself at once",
            "proposal.is_acceptable(line.recorded_at) or self.is_whitelisted(proposal.line)",
            "proposal.line.accept_at or self.is_whitelisted(proposal.line)",
        ),
        (
            "what is over still counts against the most that wait",
            "        self.transfers -= before.line.count\n",
            "",
        ),
        (
            "what was kept back stays back",
            "            self._reserve(undo, held, -1)\n",
            "            pass\n",
        ),
        ("a restart forgets who approved", "                approved=line.approved,\n", ""),
        (
            "a restart forgets that it was accepted",
            "                is_accepted=line.accepted,\n",
            "",
        ),
        tests=("tests/core/test_proposals.py", "tests/sequencer/test_proposals.py"),
    ),
    *of(
        "ledger/core/policies.py",
        (
            "a rule is for what was proposed just before it",
            "if self.since[code] < before",
            "if self.since[code] <= before",
        ),
        (
            "a rule is for all that was proposed before it",
            "            if self.since[code] < before\n            and (not",
            "            if (not",
        ),
        (
            "the service's own key is a poster's",
            "role = self.roles.get(maker, Role.OPERATOR)",
            "role = self.roles.get(maker, Role.POSTER)",
        ),
        (
            "a schedule needs nobody's approval",
            "maker = transfers[0].entered_by if key == SCHEDULER else key",
            "maker = key",
        ),
        (
            "the least of several rules counts",
            "approvals=max(rule.approvals for rule in matching)",
            "approvals=min(rule.approvals for rule in matching)",
        ),
        (
            "the longest time of several rules counts",
            "expires_after=min(rule.expires_after for rule in matching)",
            "expires_after=max(rule.expires_after for rule in matching)",
        ),
        (
            "all rules must ask to keep it back",
            "hold=any(rule.hold for rule in matching)",
            "hold=all(rule.hold for rule in matching)",
        ),
        (
            "the amount itself needs no approval",
            "transfer.amount >= rule.amount_from",
            "transfer.amount > rule.amount_from",
        ),
        (
            "a rule looks at who pays only",
            "codes = self._state.codes[d], self._state.codes[c]",
            "codes = (self._state.codes[d],)",
        ),
        (
            "a code without a star stands for all that begin so",
            'if pattern.endswith("*") else code == pattern',
            'if pattern.endswith("*") else code.startswith(pattern)',
        ),
        (
            "all transfers must match",
            "            and any(\n                self._matches",
            "            and all(\n                self._matches",
        ),
        (
            "a restart forgets whose key it is",
            "                self.roles[line.key] = line.role\n            case StatePolicy",
            "                pass\n            case StatePolicy",
        ),
        (
            "a restart makes all rules old",
            "self.since[line.code] = line.since",
            "self.since[line.code] = 0",
        ),
        tests=("tests/core/test_proposals.py", "tests/sequencer/test_proposals.py"),
    ),
    *of(
        "ledger/core/workflows.py",
        (
            "a shipped workflow cannot be removed",
            "return self.own.get(code, None) if code in self.own else SHIPPED.get(code)",
            "return self.own.get(code) or SHIPPED.get(code)",
        ),
        (
            "who starts also accepts",
            "return rule.accepts != rule.starts and not (",
            "return not (",
        ),
        (
            "others keep back what is a payer's",
            (
                "return rule.accepts != rule.starts and not (rule.hold and "
                'rule.accepts == "payer")'
            ),
            "return rule.accepts != rule.starts",
        ),
        (
            "nobody accepts it after a time",
            "return rule.accept_after is UNSET and not rule.hold",
            "return not rule.hold",
        ),
        (
            "nobody accepts and it is kept back",
            "return rule.accept_after is UNSET and not rule.hold",
            "return rule.accept_after is UNSET",
        ),
        (
            "who is taken off a whitelist stays",
            "self.whitelist.discard((line.account, line.partner))",
            "self.whitelist.discard((line.partner, line.account))",
        ),
        (
            "the last account is on no whitelist",
            "max(line.account, line.partner) > self._state.accounts:",
            "max(line.account, line.partner) >= self._state.accounts:",
        ),
        (
            "an account is its own partner",
            "case WhitelistSet() if line.account == line.partner:",
            "case WhitelistSet() if not line.account:",
        ),
        (
            "a workflow that is not there is removed",
            "                if self.get(line.code) is None:\n",
            "                if not line.code:\n",
        ),
        (
            "a restart brings a removed workflow back",
            (
                "                self.own[line.code] = None if line.rule is UNSET "
                "else line.rule\n"
                "            case StateWhitelist"
            ),
            (
                "                if line.rule is not UNSET:\n"
                "                    self.own[line.code] = line.rule\n"
                "            case StateWhitelist"
            ),
        ),
        tests=("tests/core/test_proposals.py", "tests/sequencer/test_proposals.py"),
    ),
    *of(
        "ledger/core/disputes.py",
        (
            "the last transfer cannot be disputed",
            "if line.target > self._state.transfers:",
            "if line.target >= self._state.transfers:",
        ),
        (
            "what comes later is disputed",
            "if line.target > self._state.transfers:",
            "if not line.target:",
        ),
        (
            "a dispute is opened twice",
            "case DisputeOpened() if line.target in self.open:",
            "case DisputeOpened() if not line.by:",
        ),
        (
            "a transfer makes itself good",
            "if not line.target < linked <= self._state.transfers:",
            "if not line.target <= linked <= self._state.transfers:",
        ),
        (
            "the last transfer makes nothing good",
            "if not line.target < linked <= self._state.transfers:",
            "if not line.target < linked < self._state.transfers:",
        ),
        (
            "a dispute never ends",
            "                del self.open[line.target]\n",
            "                pass\n",
        ),
        (
            "a restart forgets by when a dispute should end",
            "reason=line.reason,\n            due=line.due,\n            overdue=line.overdue,",
            "reason=line.reason,\n            overdue=line.overdue,",
        ),
        (
            "a restart forgets since when it is disputed",
            "since=line.since,\n",
            "since=0,\n",
        ),
        (
            "a restart forgets that it is overdue",
            "            overdue=line.overdue,\n        )",
            "        )",
        ),
        (
            "it is overdue again and again",
            "if one.due is UNSET or one.overdue is not UNSET:",
            "if one.due is UNSET:",
        ),
        (
            "it is overdue a moment before its day is over anywhere",
            "* DAY_US <= line.recorded_at",
            "* DAY_US <= line.recorded_at + 1",
        ),
        (
            "the outcome of one dispute ends another",
            "if line.opened != self.open[line.target].index:",
            "if not line.by:",
        ),
        tests=("tests/core/test_proposals.py",),
    ),
    *of(
        "ledger/sequencer/deciding.py",
        (
            "what was decided just now is decided anew",
            "        return self._ended.get(batch)\n",
            "        return None\n",
        ),
        (
            "who accepts at a bad moment ends the proposal",
            "            if later is not None:\n",
            "            if later and not caller:\n",
        ),
        (
            "a closed account keeps a proposal from its end",
            "outcome.code in LATER:",
            "outcome.code:",
        ),
        (
            "what cannot be kept back leaves no trace",
            "            if refusal.code in PASSING:\n",
            "            if refusal.code:\n",
        ),
        tests=("tests/sequencer/test_proposals.py",),
    ),
    *of(
        "ledger/sequencer/writer.py",
        (
            "what a proposal keeps back counts against itself when it is tried",
            "            book.proposals.free(freed, asked.id)\n",
            "",
        ),
        tests=("tests/sequencer/test_proposals.py",),
    ),
    *of(
        "ledger/sequencer/lookups.py",
        (
            "a receipt is shown that this writer did not sign",
            "        self._check_signed(stored)\n        return receipt_again(stored)\n",
            "        return receipt_again(stored)\n",
        ),
        tests=("tests/sequencer/test_proposals.py",),
    ),
)
