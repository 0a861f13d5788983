"""A text in each language."""

from typing import Final, NamedTuple

LANGUAGES: Final = ("es", "pt", "en")


class Text(NamedTuple):
    """A title, a sentence that is true without facts, and a sharper one that needs them."""

    title: str
    sentence: str
    exact: str = ""


Texts = tuple[Text, Text, Text]  # In the order of LANGUAGES.
