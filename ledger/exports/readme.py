"""What stands in an export for whoever opens it without us, in Spanish and English.

The indented lines are commands; a test runs them as they stand.
"""

from ledger.journal.checkpoints import Checkpoint


def keys_text(vkey: str) -> bytes:
    """keys.txt: the ledger's key, and why it must be compared elsewhere."""
    return f"""\
# La llave pública que firma el journal de este libro (C2SP signed-note, Ed25519).
# Compárela con la que la institución publica por otro medio: una llave que viene
# con la copia solo prueba que la copia concuerda consigo misma.
#
# The public key that signs this ledger's journal (C2SP signed-note, Ed25519).
# Compare it with the one the institution publishes elsewhere: a key that came with
# the copy only shows that the copy agrees with itself.
{vkey}
""".encode()


def readme(checkpoint: Checkpoint, *, software: str) -> bytes:
    """README.txt of an export."""
    facts = f"""\
    origin  {checkpoint.origin}
    size    {checkpoint.size}
    root    {checkpoint.root.hex()}
"""
    return f"""\
EL JOURNAL DE UN LIBRO CONTABLE
===============================

{_facts(facts, "Origen, número de hojas y raíz del árbol de Merkle:")}
Escrito por {software}.

Qué hay aquí

  checkpoint       la firma del libro sobre todo lo demás
  keys.txt         la llave pública que la firmó
  policy.txt       lo mismo, para programas (C2SP tlog-policy)
  tile/entries/    las hojas: apertura, monedas, cuentas, límites, lotes,
                   retenciones vencidas
  tile/0/, 1/ ...  los resúmenes (hashes) del árbol (C2SP tlog-tiles)
  batch/           los movimientos de cada lote, uno por línea, en JSON; en
                   .outcomes.jsonl lo que se rechazó o se hizo de otro modo
  details.jsonl    textos libres, solo si se pidieron
  SHA256SUMS       el resumen de cada archivo

Cómo comprobarlo

Todo, con el programa (rehace cada saldo desde la primera hoja, sin red):

{_VERIFY}
Que ningún archivo se dañó, con herramientas comunes:

{_SUMS}
Que la llave firmó este checkpoint, con OpenSSL 3:

{_OPENSSL}
JOURNAL.md, en el código del programa, describe cada byte para quien quiera
escribir su propio lector.


THE JOURNAL OF A LEDGER
=======================

{_facts(facts, "Origin, number of leaves and root of the Merkle tree:")}
Written by {software}.

What is here

  checkpoint       the ledger's signature over all the rest
  keys.txt         the public key that made it
  policy.txt       the same for programs (C2SP tlog-policy)
  tile/entries/    the leaves: opening, currencies, accounts, limits, batches,
                   holds that expired
  tile/0/, 1/ ...  the hashes of the tree (C2SP tlog-tiles)
  batch/           the transfers of every batch, one a line, as JSON; in
                   .outcomes.jsonl what was refused or done otherwise
  details.jsonl    free texts, only where they were asked for
  SHA256SUMS       the hash of every file

How to check it

All of it, with the program (every balance again from the first leaf, offline):

{_VERIFY}
That no file was damaged, with common tools:

{_SUMS}
That the key signed this checkpoint, with OpenSSL 3: the commands above.

JOURNAL.md, in the program's source, describes every byte for those who want to
write a reader of their own.
""".encode()


def _facts(facts: str, title: str) -> str:
    return f"{title}\n\n{facts}"


_VERIFY = """\
    tequio verify .
"""

_SUMS = """\
    sha256sum --check --quiet SHA256SUMS
"""

# A note is three lines, a blank one, and signature lines; a signature stands behind four
# bytes of key id. The printf writes what comes before the 32 bytes of an Ed25519 key in DER.
_OPENSSL = r"""
    d=$(mktemp -d)
    head -n 3 checkpoint > "$d/text"
    sed -n 5p checkpoint | sed 's/.* //' | base64 -d | tail -c 64 > "$d/signature"
    printf '\060\052\060\005\006\003\053\145\160\003\041\000' > "$d/key"
    grep -v '^#' keys.txt | cut -d+ -f3- | base64 -d | tail -c 32 >> "$d/key"
    openssl pkeyutl -verify -rawin -in "$d/text" -sigfile "$d/signature" \
        -pubin -keyform DER -inkey "$d/key"
""".lstrip("\n")
