"""The signed door damaged: who must sign, by which key, over which bytes."""

from types import SimpleNamespace
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from ledger.api import lines
from ledger.core.posters import Posters
from ledger.core.written import WrittenBatch
from ledger.sequencer import pending, proposing
from ledger.sequencer.deciding import Decider
from ledger.sequencer.posting import same_posted
from tests.simulation.damage.damage import Patch, damage


@damage("posted unsigned|signed by no key|left without a trace|not signed as it must be")
def ask_for_no_signature(patch: Patch) -> None:
    patch.setattr(Decider, "_why_unsigned", lambda *_: None)


@damage(
    "signed by no key that counts|left without a trace|not signed as it must|without reason"
)
def let_revoked_keys_sign(patch: Patch) -> None:
    patch.setattr(Posters, "keys_of", lambda self, poster, at=0: self.ever_of(poster))


@damage("not answered again, but asked for a signature|refused without reason")
def forget_what_a_revoked_key_signed(patch: Patch) -> None:
    patch.setattr(Posters, "ever_of", Posters.keys_of)


@damage("signed by no key that counts|left without a trace|not signed as it must be")
def take_a_note_over_anything(patch: Patch) -> None:
    class Anything:
        def __eq__(self, _: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    opened = lines.open_batch_note

    def whatever(*asked: Any) -> Any:
        return SimpleNamespace(size=opened(*asked).size, root=Anything())

    patch.setattr(lines, "open_batch_note", whatever)


@damage("a receipt for something else")
def take_other_lines_for_a_repeat(patch: Patch) -> None:
    def same(stored: Any, asked: Any, caller: Any, *more: Any) -> bool:
        return isinstance(asked, WrittenBatch) or same_posted(stored, asked, caller, *more)

    patch.setattr(pending, "same_posted", same)


@damage("posted unsigned, though its poster has a key|left without a trace")
def lose_the_note_of_what_waits(patch: Patch) -> None:
    kept = proposing.to_wait

    def lose(asked: Any) -> Any:
        return kept(replace(asked, note=UNSET) if isinstance(asked, WrittenBatch) else asked)

    patch.setattr("ledger.sequencer.deciding.to_wait", lose)


@damage("live book differs: poster_key|shown otherwise: poster_key|live state|posted unsigned")
def forget_keys_at_a_restart(patch: Patch) -> None:
    patch.setattr(Posters, "state", lambda _: [])
