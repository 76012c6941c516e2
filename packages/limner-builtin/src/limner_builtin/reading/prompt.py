"""Reading a prompt: words, then phrases, then what they mean together.

What has no role and no picture is reported, never guessed, and so is what is drawn otherwise than asked.
"""

from limner_builtin.reading.folder import Folder
from limner_builtin.reading.meaning import Reading
from limner_builtin.reading.phrases import Role, phrases_of
from limner_builtin.reading.vocabulary import Vocabulary
from limner_builtin.reading.words import split_words, word_groups

HEAD_FIRST = frozenset({"fr", "es", "es-mx", "it", "pt", "vi", "th"})
"""Languages in which what narrows a noun follows it."""


def read(prompt: str, vocabulary: Vocabulary, references: int = 0) -> Reading:
    """What to draw for a prompt that comes with so many pictures of the caller's."""
    words = split_words(prompt)
    locale = vocabulary.locale_of([*words, *word_groups(words)])
    phrases = phrases_of(words, vocabulary, locale, references)
    implied = references > 0 and all(phrase.role is not Role.REFERENCE for phrase in phrases)
    return Folder(head_first=locale in HEAD_FIRST, implied=implied).fold(phrases)
