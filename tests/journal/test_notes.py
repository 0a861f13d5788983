"""Notes: what the specification's own example says, and what must never be read as one."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.journal import notes
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import (
    Note,
    SignatureLine,
    Verifier,
    add_signatures,
    open_note,
    parse_note,
    parse_signature_lines,
    parse_vkey,
    sign_note,
    signer_from_seed,
)

# The example in C2SP signed-note.
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ER"
    "YNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()

# RFC 8032, section 7.1: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
]

ANA = signer_from_seed("example.org/ana", b"\x01" * 32)
BEN = signer_from_seed("example.org/ben", b"\x02" * 32)
TEXT = "Tequio\n12\nmaíz\n"
NOTE = sign_note(TEXT, [ANA])
LINE = NOTE.decode().split("\n\n")[1]


def with_signature(text: str, data: bytes, name: str = "example.org/ana") -> bytes:
    """A note whose one signature line carries `data` in base64."""
    return f"{text}\n\u2014 {name} {base64.b64encode(data).decode()}\n".encode()


def test_the_example_of_the_specification() -> None:
    verifier = parse_vkey(SPEC_VKEY)
    assert (verifier.name, verifier.key_id.hex()) == ("example.com/foo", "530d903a")
    assert verifier.vkey == SPEC_VKEY
    opened = open_note(SPEC_NOTE, [verifier])
    assert opened.text == "This is an example message.\n"
    assert opened.signed_by == (verifier,)
    assert opened.unknown == ()
    assert bytes(parse_note(SPEC_NOTE)) == SPEC_NOTE


@pytest.mark.parametrize(("seed", "public_key", "message", "signature"), RFC_8032)
def test_ed25519_as_in_rfc_8032(
    seed: str, public_key: str, message: str, signature: str
) -> None:
    signer = signer_from_seed("example.org/rfc8032", bytes.fromhex(seed))
    assert signer.verifier.public_key.hex() == public_key
    assert signer.sign(bytes.fromhex(message)).hex() == signature
    assert signer.verifier.verify(bytes.fromhex(message), bytes.fromhex(signature))
    assert not signer.verifier.verify(
        bytes.fromhex(message) + b"\x00", bytes.fromhex(signature)
    )


def test_a_signed_note_to_the_byte() -> None:
    key_id = hashlib.sha256(b"example.org/ana\n\x01" + ANA.verifier.public_key).digest()[:4]
    signature = ANA.sign(TEXT.encode())  # With the final newline, without the blank line.
    assert with_signature(TEXT, key_id + signature) == NOTE
    assert parse_note(NOTE) == Note(TEXT, (SignatureLine(ANA.name, key_id, signature),))
    assert open_note(NOTE, [ANA.verifier]).text == TEXT


def test_signed_by_two_believed_by_one() -> None:
    """A reader who knows one of the keys believes; the other line is kept as it is."""
    note = sign_note(TEXT, [ANA, BEN])
    assert open_note(note, [ANA.verifier, BEN.verifier]).signed_by == (
        ANA.verifier,
        BEN.verifier,
    )
    opened = open_note(note, [BEN.verifier])
    assert opened.signed_by == (BEN.verifier,)
    assert [line.name for line in opened.unknown] == ["example.org/ana"]


def test_a_text_with_blank_lines_ends_at_the_last() -> None:
    text = "one\n\n\ntwo\n\n\u2014 not a signature line\n\nthree\n\n"
    note = sign_note(text, [ANA])
    assert parse_note(note).text == text
    assert open_note(note, [ANA.verifier]).text == text


def test_no_known_key_no_belief() -> None:
    for verifiers in ([], [BEN.verifier]):
        with pytest.raises(BrokenProof, match="no known key"):
            open_note(NOTE, verifiers)


def test_same_name_or_same_id_alone_is_an_unknown_key() -> None:
    namesake = signer_from_seed("example.org/ana", b"\x03" * 32)
    with pytest.raises(BrokenProof, match="no known key"):
        open_note(NOTE, [namesake.verifier])
    borrowed = with_signature(TEXT, ANA.key_id + bytes(64), name="example.org/ben")
    with pytest.raises(BrokenProof, match="no known key"):
        open_note(borrowed, [ANA.verifier, BEN.verifier])


@pytest.mark.parametrize("bad_first", [True, False])
def test_one_bad_signature_of_a_known_key_refuses_the_note(bad_first: bool) -> None:
    """Even beside good ones: somebody has tampered, or somebody's key has gone wrong."""
    bad = SignatureLine(BEN.name, BEN.key_id, ANA.sign(TEXT.encode()))
    good = SignatureLine(ANA.name, ANA.key_id, ANA.sign(TEXT.encode()))
    lines = (bad, good) if bad_first else (good, bad)
    note = bytes(Note(TEXT, lines))
    with pytest.raises(BrokenProof, match="signature of a known key fails"):
        open_note(note, [ANA.verifier, BEN.verifier])
    assert open_note(note, [ANA.verifier]).signed_by == (ANA.verifier,)


@pytest.mark.parametrize("length", [1, 63, 65, 128])
def test_a_known_key_with_a_signature_of_another_length(length: int) -> None:
    with pytest.raises(BrokenProof, match="signature of a known key fails"):
        open_note(with_signature(TEXT, ANA.key_id + bytes(length)), [ANA.verifier])


def test_a_line_that_is_there_twice_is_refused() -> None:
    with pytest.raises(BrokenProof, match="twice"):
        open_note(NOTE + LINE.encode(), [ANA.verifier])


def test_a_second_line_by_the_same_key_must_hold_too() -> None:
    note = NOTE + str(SignatureLine(ANA.name, ANA.key_id, bytes(64))).encode()
    with pytest.raises(BrokenProof, match="signature of a known key fails"):
        open_note(note, [ANA.verifier])


class Agreeable:
    """A key whose every signature holds, as a witness has a new one for each second."""

    name, key_id = "example.org/witness", b"\x00\x00\x00\x01"

    def verify(self, message: bytes, signature: bytes) -> bool:
        return True


def test_a_key_counts_once_however_often_it_signs() -> None:
    witness = Agreeable()
    lines = [SignatureLine(witness.name, witness.key_id, bytes([n])) for n in range(3)]
    opened = open_note(add_signatures(NOTE, lines), [ANA.verifier, witness])
    assert opened.signed_by == (ANA.verifier, witness)


def test_two_keys_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(BrokenProof, match="two keys"):
        open_note(NOTE, [ANA.verifier, Agreeable(), Agreeable()])
    assert open_note(NOTE, [ANA.verifier, parse_vkey(ANA.vkey)]).signed_by == (ANA.verifier,)


def test_signature_types_we_cannot_read_stay_lines() -> None:
    """A post-quantum line of 2,420 bytes beside ours does not disturb."""
    line = SignatureLine("example.org/ana", b"\xaa\xbb\xcc\xdd", b"\x06" * 2428)
    note = add_signatures(NOTE, [line])
    assert open_note(note, [ANA.verifier]).unknown == (line,)
    assert note.startswith(NOTE)
    with pytest.raises(BrokenProof, match="Ed25519"):
        parse_vkey(notes.format_vkey("example.org/ana", 0x06, b"\x06" * 1312))


HOSTILE = {
    "empty": b"",
    "one newline": b"\n",
    "two newlines": b"\n\n",
    "only text": TEXT.encode(),
    "text and a blank line": TEXT.encode() + b"\n",
    "no blank line": TEXT.encode() + LINE.encode(),
    "signature only": LINE.encode(),
    "no final newline": NOTE[:-1],
    "a blank line at the end": NOTE + b"\n",
    "text below the signatures": NOTE + b"more\n",
    "carriage returns": NOTE.replace(b"\n", b"\r\n"),
    "a carriage return in the text": NOTE.replace(b"12\n", b"12\r\n"),
    "a tab": NOTE.replace(b"12", b"1\t2"),
    "a null": NOTE.replace(b"12", b"1\x002"),
    "an escape": NOTE.replace(b"12", b"\x1b[31m12"),
    "a delete": NOTE.replace(b"12", b"12\x7f"),
    "a C1 control": NOTE.replace(b"12", "12\u0085".encode()),
    "latin-1": NOTE.replace("í".encode(), b"\xed"),
    "a lone surrogate": NOTE.replace(b"12", b"\xed\xa0\x80"),
    "an overlong newline": NOTE.replace(b"12", b"1\xc0\x8a2"),
    "half a character": NOTE.replace("í".encode(), b"\xc3"),
    "UTF-16": NOTE.decode().encode("utf-16"),
    "a byte order mark before the dash": NOTE.replace(
        "\u2014".encode(), "\ufeff\u2014".encode()
    ),
    "a hyphen for the dash": NOTE.replace("\u2014".encode(), b"-"),
    "an en dash": NOTE.replace("\u2014".encode(), "\u2013".encode()),
    "no space after the dash": NOTE.replace("\u2014 ".encode(), "\u2014".encode()),
    "two spaces after the dash": NOTE.replace("\u2014 ".encode(), "\u2014  ".encode()),
    "a no-break space after the dash": NOTE.replace("\u2014 ".encode(), "\u2014\xa0".encode()),
    "a space before the dash": NOTE.replace("\u2014".encode(), " \u2014".encode()),
    "two spaces before the signature": NOTE.replace(b"ana ", b"ana  "),
    "a space at the end": NOTE[:-1] + b" \n",
    "no name": NOTE.replace(b"example.org/ana ", b""),
    "an empty name": NOTE.replace(b"example.org/ana", b""),
    "a plus in the name": NOTE.replace(b"org/ana", b"org+ana"),
    "a no-break space in the name": NOTE.replace(b"org/ana", "org\xa0ana".encode()),
    "an ideographic space in the name": NOTE.replace(b"org/ana", "org\u3000ana".encode()),
    "a line separator in the name": NOTE.replace(b"org/ana", "org\u2028ana".encode()),
    "no signature": TEXT.encode() + "\n\u2014 example.org/ana\n".encode(),
    "an empty signature": TEXT.encode() + "\n\u2014 example.org/ana \n".encode(),
    "a key id alone": with_signature(TEXT, ANA.key_id),
    "half a key id": with_signature(TEXT, b"\x01\x02"),
    "base64 without padding": NOTE.replace(b"=\n", b"\n"),
    "base64 with more padding": NOTE.replace(b"=\n", b"==\n"),
    "base64 with padding inside": NOTE[:-9] + b"=" + NOTE[-9:],
    "base64 for addresses": with_signature(TEXT, ANA.key_id + b"\xff\xfe" * 32).replace(
        b"/", b"_"
    ),
    "base64 with a newline": NOTE[:-9] + b"\n" + NOTE[-9:],
    "base64 with a foreign character": NOTE[:-9] + b"!" + NOTE[-9:],
    "base64 with another digit": NOTE[:-9] + "\u0661".encode() + NOTE[-9:],
    "too many lines": bytes(
        Note(TEXT, tuple(SignatureLine("x", bytes([n] * 4), b"s") for n in range(17)))
    ),
    "too long": b"x" * 8192 + NOTE,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_not_a_note(what: str) -> None:
    assert HOSTILE[what] != NOTE, "the case must differ from the good note"
    with pytest.raises(BrokenProof):
        parse_note(HOSTILE[what])
    with pytest.raises(BrokenProof):
        open_note(HOSTILE[what], [ANA.verifier])


def test_a_signed_note_inside_a_note_is_its_text() -> None:
    """A second blank line makes the first signature text, which the second did not sign."""
    inside = NOTE + b"\n" + LINE.encode()
    assert parse_note(inside).text == NOTE.decode()
    with pytest.raises(BrokenProof, match="signature of a known key fails"):
        open_note(inside, [ANA.verifier])
    around = sign_note(NOTE.decode(), [BEN])
    with pytest.raises(BrokenProof, match="no known key"):
        open_note(around, [ANA.verifier])


def test_base64_with_bits_left_over_is_a_second_spelling() -> None:
    """68 bytes end in two free bits: "A=" and "B=" decode alike, one of them is refused."""
    assert NOTE.endswith(b"=\n")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet.index(NOTE[-3])
    for other in range(last ^ last % 4, last + 4 - last % 4):
        if other != last:
            again = NOTE[:-3] + alphabet[other : other + 1] + b"=\n"
            with pytest.raises(BrokenProof, match="canonical"):
                parse_note(again)


def test_sixteen_lines_and_eight_kibibytes_are_read() -> None:
    lines = tuple(SignatureLine("x", bytes([n] * 4), b"s") for n in range(16))
    assert len(parse_note(bytes(Note(TEXT, lines))).signatures) == 16
    room = notes.NOTE_MAX - len(sign_note("\n", [ANA]))
    longest = sign_note("x" * room + "\n", [ANA])
    assert len(longest) == 8192
    assert open_note(longest, [ANA.verifier]).text == "x" * room + "\n"
    with pytest.raises(BrokenProof, match="too long"):
        sign_note("x" * (room + 1) + "\n", [ANA])


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "a\rb\n", "\x85\n", "\ud800\n"])
def test_texts_that_cannot_be_signed(text: str) -> None:
    with pytest.raises(BrokenProof):
        sign_note(text, [ANA])


def test_nobody_signs_or_one_signs_twice() -> None:
    with pytest.raises(BrokenProof):
        sign_note(TEXT, [])
    with pytest.raises(BrokenProof, match="twice"):
        sign_note(TEXT, [ANA, ANA])


def test_every_changed_byte_is_noticed() -> None:
    """No flipped bit leaves a note that opens to another text."""
    for at in range(len(NOTE)):
        for bit in range(8):
            changed = NOTE[:at] + bytes([NOTE[at] ^ 1 << bit]) + NOTE[at + 1 :]
            with pytest.raises(BrokenProof):
                open_note(changed, [ANA.verifier])


@given(st.binary(max_size=200))
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    for data in (noise, NOTE + noise, noise + NOTE, TEXT.encode() + noise + LINE.encode()):
        try:
            note = parse_note(data)
        except BrokenProof:
            continue
        assert bytes(note) == data


@given(st.text(max_size=100))
def test_what_is_signed_opens_to_the_same_text(text: str) -> None:
    try:
        note = sign_note(text + "\n", [ANA, BEN])
    except BrokenProof:
        assert not text.isprintable()
        return
    assert open_note(note, [BEN.verifier]).text == text + "\n"


def test_lines_are_added_once() -> None:
    line = SignatureLine(BEN.name, BEN.key_id, BEN.sign(TEXT.encode()))
    both = add_signatures(NOTE, [line])
    assert both == sign_note(TEXT, [ANA, BEN])
    assert add_signatures(both, [line]) == both
    assert add_signatures(NOTE, [line, line]) == both


def test_lines_alone_as_a_witness_answers() -> None:
    lines = parse_signature_lines(sign_note(TEXT, [ANA, BEN]).split(b"\n\n")[1])
    assert [line.name for line in lines] == [ANA.name, BEN.name]
    for wrong in (b"", b"\n", LINE.encode()[:-1], NOTE, b"\n" + LINE.encode(), b"x\n"):
        with pytest.raises(BrokenProof):
            parse_signature_lines(wrong)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "a+b",
        "a\nb",
        "a\tb",
        "a\xa0b",
        "a\u2009b",
        "a\u0085b",
        "\u3000",
        "\ud800",
    ],
)
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(BrokenProof):
        signer_from_seed(name, bytes(32))


@pytest.mark.parametrize("name", ["a", "example.org/caja-ñandú", "\u20ac", "—"])
def test_names_that_can(name: str) -> None:
    signer = signer_from_seed(name, bytes(32))
    assert open_note(sign_note(TEXT, [signer]), [parse_vkey(signer.vkey)]).text == TEXT


def test_a_verifier_key_whose_base64_has_a_plus() -> None:
    signers = (signer_from_seed("example.org/k", bytes([n]) * 32) for n in range(256))
    vkey = next(signer.vkey for signer in signers if signer.vkey.count("+") > 2)
    assert parse_vkey(vkey).vkey == vkey


ID, KEY = SPEC_VKEY.split("+")[1:]


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "+",
        "++",
        "example.com/foo",
        f"example.com/foo+{ID}",
        f"+{ID}+{KEY}",
        f"example.com/fo+{ID}+{KEY}",
        f"example.com foo+{ID}+{KEY}",
        f"example.com/foo+{ID.upper()}+{KEY}",
        f"example.com/foo+0x{ID}+{KEY}",
        f"example.com/foo+{ID[:-1]}+{KEY}",
        f"example.com/foo+00{ID}+{KEY}",
        f"example.com/foo+530d903b+{KEY}",
        f"example.com/foo++{KEY}",
        f"example.com/foo+{ID}+",
        f"example.com/foo+{ID}+{KEY[:-1]}",
        f"example.com/foo+{ID}+{KEY[:-4]}",
        f"example.com/foo+{ID}+{KEY}AAAA",
        f"example.com/foo+{ID}+{KEY}\n",
        f"example.com/foo+{ID}+ {KEY}",
        f"example.com/foo+{ID}+{KEY[:-1]}=",
        f"example.com/foo+{ID}+AO{KEY[2:]}",
        f"example.com/foo+{ID}+BO{KEY[2:]}",
    ],
)
def test_verifier_keys_that_are_none(vkey: str) -> None:
    with pytest.raises(BrokenProof):
        parse_vkey(vkey)


def test_nothing_of_the_private_half_is_shown() -> None:
    seed = bytes(range(32))
    signer = signer_from_seed("example.org/ana", seed)
    shown = repr(signer) + str(signer) + repr(signer.verifier)
    assert signer.vkey in shown
    assert seed.hex() not in shown
    assert base64.b64encode(seed).decode() not in shown


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_seeds_and_keys_of_other_lengths(length: int) -> None:
    with pytest.raises(BrokenProof):
        signer_from_seed("x", bytes(length))
    with pytest.raises(BrokenProof):
        Verifier("x", b"\x09" * length)


# --- public keys that are nobody's own: a second look at the curve of RFC 8032

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point(encoded: bytes) -> tuple[int, int] | None:
    """The point an encoding stands for, read leniently: y taken modulo p, -0 is 0."""
    number = int.from_bytes(encoded, "little")
    y, sign = (number & (2**255 - 1)) % P, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square:
        return None
    return (-x % P if x % 2 != sign else x), y


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    product = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, P - 2, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, P - 2, P)
    return x % P, y % P


SMALL_ORDER = [
    # The eight points, each in its canonical spelling.
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    # Their other spellings: x = 0 with its sign set, and y not reduced.
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("encoded", SMALL_ORDER)
def test_public_keys_of_small_order(encoded: str) -> None:
    raw = bytes.fromhex(encoded)
    small = point(raw)
    assert small is not None
    for _ in range(3):
        small = add(small, small)
    assert small == (0, 1), "eight times it is nothing: the case is what it claims to be"
    with pytest.raises(BrokenProof):
        Verifier("x", raw)
    with pytest.raises(BrokenProof):
        parse_vkey(notes.format_vkey("x", notes.ED25519, raw))


def test_there_are_eight_points_of_small_order() -> None:
    found = {point(bytes.fromhex(encoded)) for encoded in SMALL_ORDER}
    assert len(found) == 8
    assert {add(a, b) for a in found if a for b in found if b} == found, "a group of their own"


@pytest.mark.parametrize("above", range(19))
@pytest.mark.parametrize("sign", [0, 1])
def test_public_keys_not_reduced(above: int, sign: int) -> None:
    with pytest.raises(BrokenProof, match="canonical"):
        Verifier("x", (P + above | sign << 255).to_bytes(32, "little"))


def test_public_keys_are_points_of_the_curve() -> None:
    for y in range(2, 60):
        raw = y.to_bytes(32, "little")
        if point(raw) is None:
            with pytest.raises(BrokenProof, match="not a point"):
                Verifier("x", raw)
        else:
            assert Verifier("x", raw).public_key == raw


def test_signatures_made_to_divide_verifiers_are_refused() -> None:
    """S not reduced, or an R of small order: some libraries accept these, others do not."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = ANA.sign(b"message")
    s = int.from_bytes(signature[32:], "little")
    again = signature[:32] + (s + order).to_bytes(32, "little")
    assert not ANA.verifier.verify(b"message", again)

    # With the private scalar at hand, R = 0 is a signature the equation accepts.
    spread = hashlib.sha512(b"\x01" * 32).digest()[:32]
    scalar = int.from_bytes(spread, "little") & (2**254 - 8) | 2**254
    nothing = bytes.fromhex(SMALL_ORDER[0])
    challenge = hashlib.sha512(nothing + ANA.verifier.public_key + b"message").digest()
    s = int.from_bytes(challenge, "little") * scalar % order
    signature = nothing + s.to_bytes(32, "little")
    notes._loaded(ANA.verifier.public_key).verify(signature, b"message")  # The library does.
    assert not ANA.verifier.verify(b"message", signature)
