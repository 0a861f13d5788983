"""Rules of approval, workflows and whitelists as a person sets them."""

import asyncio

import pytest

from ledger.cli.client import Client, path_of
from ledger.cli.policies import DURATION, show_seconds
from tests.cli.conftest import Running, Tequio
from tests.cli.test_terms import SPANISH

WHY = ("--reason", "board")
BIG = (
    *("--kinds", "withdrawal,sent", "--currency", "MXN", "--from", "50000.00"),
    *("--approvals", "1", "--expires-after", "2d", "--hold"),
)


def test_an_amount_in_the_last_of_many_currencies(running: Running, caja: Tequio) -> None:
    """The decimals of a currency on the second page are known, too."""

    async def add() -> None:
        async with Client(running.url, running.key) as client:
            for number in range(101):
                new = {"code": f"C{number:03}", "kind": "national", "scale": 2}
                await client.send("POST", path_of("ledgers", "caja", "currencies"), new)

    asyncio.run(add())
    words = [word.replace("MXN", "C100") for word in BIG]
    said = caja("policy", "set", "big", *words, *WHY)
    assert (said.code, "50,000.00" in said.out) == (0, True), said.err
    assert "50,000.00" in caja("policy", "list").out


def test_a_rule_of_approval(caja: Tequio) -> None:
    dry = caja("policy", "set", "big", *BIG, *WHY, "--dry-run")
    assert "Nothing was written" in dry.out, dry.err
    assert "50,000.00" in dry.out
    assert caja("policy", "list").out == "None.\n"
    said = caja("policy", "set", "big", *BIG, *WHY, LANG=SPANISH)
    assert (said.code, "retiene" in said.out, "2d" in said.out) == (0, True, True), said.err
    assert caja("policy", "list", "--json").json() == [
        {
            "code": "big",
            "rule": {
                "approvals": 1,
                "expires_after": 172_800,
                "kinds": ["withdrawal", "sent"],
                "currency": "MXN",
                "amount_from": "50000.00",
                "hold": True,
            },
        }
    ]
    assert "withdrawal, sent" in caja("policy", "list").out
    assert "Nothing was written" in caja("policy", "remove", "big", *WHY, "--dry-run").out
    assert caja("policy", "remove", "big", *WHY, LANG=SPANISH).out == "Quitado.\n"
    act = ("--act", "A-9", "--act-date", "2026-03-01", "--act-hash", "ab" * 32)
    assert caja("policy", "set", "big", *BIG, *WHY, *act).code == 0
    assert caja("policy", "remove", "big", *WHY, *act).code == 0
    again = caja("policy", "remove", "big", *WHY)
    assert (again.code, "policy_not_found" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "5", "--expires-after", "2d"), "--from goes with --currency"),
        (("--expires-after", "two"), "Write it as 2d"),
        (("--from", "5", "--currency", "ZZZ", "--expires-after", "2d"), "currency_not_found"),
        (("--from", "5.001", "--currency", "MXN", "--expires-after", "2d"), "malformed_amount"),
        (("--makers", "king", "--expires-after", "2d"), "rule.makers"),
    ],
)
def test_a_rule_that_cannot_be(caja: Tequio, words: tuple[str, ...], said: str) -> None:
    told = caja("policy", "set", "big", "--approvals", "1", *words, *WHY)
    assert told.code != 0
    assert said in told.err


def test_a_workflow(caja: Tequio) -> None:
    assert "third_party" in caja("workflow", "list").out
    gift = ("--starts", "payer", "--accepts", "payee", "--accept-after", "1d")
    dry = caja("workflow", "set", "gift", *gift, "--expires-after", "1w", *WHY, "--dry-run")
    assert "Nothing was written" in dry.out, dry.err
    said = caja("workflow", "set", "gift", *gift, "--expires-after", "7d", *WHY, LANG=SPANISH)
    assert "se acepta tras" in said.out, said.err
    found = caja("workflow", "list", "--json").json()
    assert [one["rule"]["expires_after"] for one in found if one["code"] == "gift"] == [604_800]
    no = caja("workflow", "set", "odd", *gift[:2], "--accepts", "payer", *BIG[-3:], *WHY)
    assert (no.code, "workflow_not_possible" in no.err) == (1, True)
    assert caja("workflow", "remove", "gift", *WHY).code == 0
    assert "gift" not in caja("workflow", "list").out


def test_a_whitelist(caja: Tequio) -> None:
    pair = ("ana", "ben")
    assert "Nothing was written" in caja("whitelist", "add", *pair, "--dry-run").out
    assert caja("whitelist", "list").out == "None.\n"
    said = caja("whitelist", "add", *pair, LANG=SPANISH)
    assert "acepta de" in said.out, said.err
    assert caja("whitelist", "add", "ben", "ana").code == 0
    listed = [{"account": "ana", "partner": "ben"}, {"account": "ben", "partner": "ana"}]
    assert caja("whitelist", "list", "--json").json() == listed
    assert caja("whitelist", "list", "--account", "ben", "--json").json() == listed[1:]
    short = caja("whitelist", "list", "--limit", "1")
    assert "--limit shows more" in short.err
    assert "Nothing was written" in caja("whitelist", "remove", *pair, "--dry-run").out
    assert caja("whitelist", "remove", *pair).code == 0
    assert caja("whitelist", "list", "--json").json() == listed[1:]
    no = caja("whitelist", "add", "ana", "zoe")
    assert (no.code, "account_not_found" in no.err) == (1, True)


@pytest.mark.parametrize("text", ["2w", "3d", "36h", "90m", "1s"])
def test_times_are_shown_as_they_are_given(text: str) -> None:
    assert show_seconds(DURATION.convert(text, None, None)) == text
