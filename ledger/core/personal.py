"""Codes that look like a person's: what must not become a permanent name by mistake.

Forms: CURP, 18 characters (Secretaría de Gobernación, Instructivo Normativo para la
Asignación de la CURP); RFC of natural persons, 13 characters (Código Fiscal de la
Federación, artículo 27; Servicio de Administración Tributaria).
"""

import re

_CURP = re.compile(r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]")
_RFC = re.compile(r"[A-Z]{4}[0-9]{6}[A-Z0-9]{3}")

SHORTEST = 13  # Characters of an RFC.


def looks_personal(code: str) -> bool:
    """Whether an account code holds what looks like a person's CURP or RFC.

    >>> looks_personal("GODE561231HDFRRN04"), looks_personal("socio-GODE561231GR8")
    (True, True)
    >>> looks_personal("socio-000123")
    False
    """
    if len(code) < SHORTEST:
        return False
    plain = re.sub(r"[._:-]", " ", code.upper()).split()
    joined = "".join(plain)
    return any(_CURP.fullmatch(word) or _RFC.fullmatch(word) for word in (*plain, joined))
