"""Folding the phrases of a prompt into things, each with the modifiers that it stands next to."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from limner_builtin.reading.meaning import OUTDOORS, Reading, Relation, Setting, Thing
from limner_builtin.reading.phrases import POINTING, Phrase, Role
from limner_builtin.reading.vocabulary import (
    KIND,
    NAME,
    Asset,
    afloat,
    bareheaded,
    containers,
    flying,
    folded,
    garments,
    hat_of,
    held,
    is_creature,
    modifiers,
    parts,
    surfaces,
    worn,
)
from limner_builtin.reading.words import UNSPACED
from limner_builtin.sprites.materials import Paint, paint_of

MOST_THINGS = 4
SIZES = {"large": 1.45, "small": 0.62}
POSTPOSITION = re.compile(
    r"[\u3040-\u30ff\uac00-\ud7af].*|.*的|[上下前后]|[上下前后][方面边]|上空|上面|顶上|底下|之[上下后]|面前|[背身]后|旁边?|里面"
    r"|(後ろ|[上下前隣横裏傍]|上空)[にのでをあい].*"
)
CLAUSE_END = "的"
"""Ends what is said of a noun that follows: "wearing a crown 的 fox"."""

PLACING = frozenset(
    {"in", "at", "from", "into", "onto", "在", "里", "に", "で", "は", "が", "を", "에", "에서", "을", "를"}
    | {f"{posture}在" for posture in "坐躺趴站躲蹲"}
)
"""Stand between two things that are apart."""

BETWEEN = frozenset({Role.COLOUR, Role.SIZE, Role.SILENT, Role.COUNT})
"""What may stand between a colour or material and its thing: "a statue of a small dragon"."""

FULL = "full"
"""The relation of what holds something to what it holds, which follows."""

OF = frozenset({"of", "de", "d'", "di", "von", "с"})
WITHIN = frozenset({"in", "dans", "en", "na", "nas", "num", "numa", "nel", "nella", "nello"})
WITHIN_MASCULINE = "no"
"""Portuguese; in English it says that something is missing."""
FLYING = frozenset({"flying", "fliegend", "volant", "volando", "voando"})

ENDING = frozenset({None, Role.BREAK, Role.RELATION})
"""What follows a colour that is said for a thing: "an orange", "an orange next to a cat"."""

FOODS = frozenset({"orange", "oranges", "lime", "limes", "chocolate"})
"""Colours and materials that are things as well; gold and wood are not drawn."""

PLACES = frozenset({Role.PLACE, Role.PLACE_ALIKE})

OWNING = frozenset({"with", "and", "mit", "avec", "con", "com", "с", "带着"})


class Folder:
    """Walks over the phrases once and folds modifiers into things."""

    def __init__(self, *, head_first: bool, implied: bool) -> None:
        self._head_first = head_first
        self._implied = implied
        self._things: list[Thing] = []
        self._setting = Setting()
        self._style: str | None = None
        self._unmatched: list[str] = []
        self._clear()
        self._adjacent = False
        self._joined_by = ""
        self._last: Role | None = None
        self._leading: Relation | None = None
        self._place_said = ""
        self._bearer_follows: Relation | None = None
        self._filled = False
        self._dressing = False
        self._sky: list[str] = []
        self._takers: dict[Role, Callable[[Phrase], None]] = {
            Role.COUNT: self._counted,
            Role.SIZE: self._sized,
            Role.RELATION: self._relate,
            Role.PLACE: self._placed,
            Role.PLACE_ALIKE: self._placed_alike,
            Role.TIME: self._timed,
            Role.WEATHER: self._weathered,
            Role.STYLE: self._styled,
            Role.THING: self._thing,
            Role.REFERENCE: self._thing,
            Role.BREAK: self._broken,
            Role.MODIFIER: self._modified,
            Role.SILENT: self._silent,
            Role.UNKNOWN: self._unknown,
        }

    def fold(self, phrases: list[Phrase]) -> Reading:
        for index, phrase in enumerate(phrases):
            self._take(phrase, phrases[index + 1 :])
            self._last = phrase.role
        things = _most_important(self._things)
        if self._setting.place is None and self._sky and any(_is(thing, afloat()) for thing in things):
            self._setting = replace(self._setting, place="sea")
        if self._setting.place is not None and self._setting.place not in OUTDOORS:
            self._unmatched += self._sky
        if any(_is(thing, flying()) for thing in things):
            self._unmatched = [text for text in self._unmatched if text not in FLYING]
        left_out = (thing.phrase for thing in self._things if all(thing is not kept for kept in things))
        unmatched = tuple(dict.fromkeys((*self._unmatched, *left_out)))
        return Reading(tuple(things), self._setting, self._style, unmatched)

    def _clear(self) -> None:
        self._paint = Paint()
        self._count = 1
        self._scale = 1.0
        self._relation = Relation.BESIDE

    def _take(self, phrase: Phrase, rest: list[Phrase]) -> None:
        if phrase.role is Role.COLOUR:
            self._colour(phrase, rest)
        else:
            self._takers[phrase.role](phrase)

    def _counted(self, phrase: Phrase) -> None:
        self._count, self._adjacent = max(1, int(phrase.value)), False

    def _sized(self, phrase: Phrase) -> None:
        self._scale = SIZES[phrase.value]

    def _timed(self, phrase: Phrase) -> None:
        self._setting = replace(self._setting, time=phrase.value)
        self._sky.append(phrase.text)

    def _weathered(self, phrase: Phrase) -> None:
        self._setting = replace(self._setting, weather=phrase.value)
        self._sky.append(phrase.text)

    def _styled(self, phrase: Phrase) -> None:
        self._style = phrase.value

    def _broken(self, _: Phrase) -> None:
        self._clear()
        self._adjacent = self._filled = False

    def _modified(self, phrase: Phrase) -> None:
        self._adjacent = False  # "a gardener watering sunflowers" are two things
        self._unmatched.append(phrase.text)

    def _silent(self, phrase: Phrase) -> None:
        within = phrase.text in WITHIN or (self._head_first and phrase.text == WITHIN_MASCULINE)
        if self._things and within:
            self._adjacent = False
            self._relation = Relation.INSIDE
        if self._adjacent and phrase.text in OF and _is(self._things[-1], containers()):
            self._filled, self._adjacent = True, False
        self._adjacent = self._adjacent and phrase.text not in POINTING and phrase.text not in PLACING
        if phrase.text == CLAUSE_END and self._things and self._leading is not None:
            self._bearer_follows, self._adjacent = self._leading, False

    def _relate(self, phrase: Phrase) -> None:
        """Before its object ("on a table"), or after it in Chinese, Japanese and Korean: then the bearer may follow."""
        self._clear()
        if phrase.value == FULL:
            self._filled, self._adjacent = bool(self._things), False
            return
        relation, self._adjacent = Relation(phrase.value), False
        if relation is Relation.BESIDE or not POSTPOSITION.fullmatch(phrase.text) or not self._things:
            self._relation, self._joined_by = relation, phrase.text
            self._leading = None if self._things else relation
        elif len(self._things) > 1:
            self._things[-1] = replace(self._things[-1], relation=relation)  # "the cat is [在] the table [上]"
        else:
            self._bearer_follows = relation

    def _colour(self, phrase: Phrase, rest: list[Phrase]) -> None:
        paint = paint_of(phrase.value)
        following = next((p.role for p in rest if p.role not in BETWEEN), None)
        if following in (Role.THING, Role.PLACE, Role.REFERENCE):
            self._paint = paint
        elif (
            phrase.match is not None
            and self._last is not Role.THING
            and (phrase.match.score >= NAME or (phrase.text in FOODS and following in ENDING))
        ):
            self._thing(replace(phrase, role=Role.THING))  # "an orange", "a block of ice"
        elif self._things and self._adjacent and not self._things[-1].paint:
            self._things[-1] = replace(self._things[-1], paint=paint)  # "un chat noir", "a dragon statue"
        else:
            self._unmatched.append(phrase.text)

    def _placed(self, phrase: Phrase) -> None:
        is_compound = self._last is Role.THING and " " not in phrase.text and not self._head_first
        if is_compound and len(self._things) > 1:
            self._unmatched.append(self._things.pop().phrase)  # "a balloon over a mountain lake"
        hue = self._paint.hue if phrase.value == "alien" else None
        narrows = self._last in PLACES and not self._head_first
        if narrows:
            self._unmatched.append(self._place_said)  # "in a castle garden"
        if narrows or self._setting.place is None or self._setting.place == "space":
            self._setting = replace(self._setting, place=phrase.value, hue=hue, called=None)
        self._place_said = phrase.text
        self._clear()
        self._adjacent = False

    def _placed_alike(self, phrase: Phrase) -> None:
        before = self._setting
        self._placed(phrase)
        if self._setting.place != before.place:
            self._setting = replace(self._setting, called=phrase.text)

    def _thing(self, phrase: Phrase) -> None:
        if self._things and (phrase.text in parts() or self._is_worn_garment(phrase)):
            self._unmatched.append(phrase.text)  # the "eyes" of a girl with green eyes are her own
            self._clear()
            self._adjacent = False
            return
        if self._of_a_trade(phrase):
            return
        hat: Thing | None = None
        if self._adjacent and phrase.role is Role.THING and self._things[-1].reference is None:
            if self._head_first or phrase.text in modifiers():  # "a chef cooking" is not a pan
                self._unmatched.append(phrase.text)
                return
            hat = self._taken_hat(phrase)
            self._merge()
        self._speak_of_the_picture(phrase)
        asset = phrase.match.asset if phrase.match else None
        thing = Thing(
            phrase=phrase.text,
            asset=asset,
            score=phrase.match.score if phrase.match else 1.0,
            asked=self._count,
            paint=self._paint,
            scale=self._scale,
            relation=self._meant(asset),
            reference=int(phrase.value) - 1 if phrase.role is Role.REFERENCE else None,
        )
        self._put(thing)
        self._clear()
        self._joined_by = ""
        self._cover()
        if hat is not None:
            self._things.append(hat)
            self._unmatched.remove(hat.phrase)

    def _of_a_trade(self, phrase: Phrase) -> bool:
        """A "frog chef" is a frog with a chef's hat, and so is a frog that is dressed as a chef."""
        hat = hat_of(phrase.match.asset) if phrase.match else None
        before = self._things[-1].asset if self._things else None
        if phrase.match is None or hat is None or before is None or not is_creature(before):
            return False
        if not self._adjacent and self._relation is not Relation.WEAR:
            return False
        if phrase.match.asset != hat:
            self._things.append(Thing(phrase.text, hat, KIND, relation=Relation.WEAR))
            self._clear()
            self._adjacent, self._joined_by = False, ""
        return phrase.match.asset != hat

    def _taken_hat(self, phrase: Phrase) -> Thing | None:
        """The hat of a "samurai cat": the trade was said first, and the animal wears what tells it."""
        before, asset = self._things[-1], phrase.match.asset if phrase.match else None
        if self._is_covered():
            self._things.pop()  # the hat of a pirate who turns out to be a cat
            before = replace(self._things[-1], asset=before.asset)
            hat = before.asset
        else:
            hat = hat_of(before.asset) if before.asset else None
        if hat is None or asset is None or not is_creature(asset):
            return None
        return Thing(before.phrase, hat, KIND, relation=Relation.WEAR)

    def _is_covered(self) -> bool:
        """Whether the last thing is the hat that somebody got without having been said."""
        return len(self._things) > 1 and self._things[-1].phrase == f"{self._things[-2].phrase} hat"

    def _cover(self) -> None:
        """Give whoever is drawn bareheaded their hat."""
        thing = self._things[-1]
        bare, hat = (bareheaded(thing.asset), hat_of(thing.asset)) if thing.asset else (None, None)
        if bare is None or hat is None:
            return
        self._things[-1] = replace(thing, asset=bare, score=min(thing.score, KIND))
        self._things.append(Thing(f"{thing.phrase} hat", hat, relation=Relation.WEAR))

    def _is_worn_garment(self, phrase: Phrase) -> bool:
        """Whether somebody who was named before wears it: nobody is dressed here, so a coat would lie beside them."""
        if phrase.match is None or folded(phrase.match.asset.name) not in garments():
            self._dressing = False
            return False
        dressed = self._relation in (Relation.WEAR, Relation.INSIDE) or self._joined_by in OWNING
        self._dressing = bool(self._things) and (self._dressing or dressed)
        return self._dressing

    def _speak_of_the_picture(self, phrase: Phrase) -> None:
        """Without a subject, "wearing a crown" speaks of the first picture, although nothing names it."""
        if not self._things and self._implied and phrase.role is Role.THING:
            self._things.append(Thing("image[1]", None, reference=0))
            self._joined_by = self._joined_by or "with"

    def _merge(self) -> None:
        """Two nouns in a row are one thing, named by its head: "apple tree", "robot dog"."""
        dropped = self._things.pop()
        self._unmatched.append(dropped.phrase)
        self._relation = dropped.relation
        self._count, self._scale = max(self._count, dropped.asked), self._scale * dropped.scale
        self._paint = self._paint or dropped.paint

    def _put(self, thing: Thing) -> None:
        relation, self._bearer_follows = self._bearer_follows, None
        if self._filled:
            relation, self._filled = Relation.INSIDE, False
        if relation is None:
            self._things.append(thing)
        else:
            self._things[-1] = replace(self._things[-1], relation=relation)
            self._things.insert(len(self._things) - 1, replace(thing, relation=Relation.BESIDE))
        self._adjacent = relation is None

    def _meant(self, asset: Asset | None) -> Relation:
        """A crown "with" somebody is worn, a sword is held."""
        if asset is not None and self._relation is Relation.INSIDE and folded(asset.name) in surfaces():
            return Relation.ON
        if not self._things or asset is None or self._relation is not Relation.BESIDE:
            return self._relation if self._things else Relation.BESIDE
        if self._joined_by not in OWNING:
            return Relation.BESIDE
        if folded(asset.name) in worn():
            return Relation.WEAR
        return Relation.HOLD if folded(asset.name) in held() else Relation.BESIDE

    def _unknown(self, phrase: Phrase) -> None:
        self._adjacent = self._filled = (
            False  # "dragon" and "statue" are two nouns in "a dragon of some unknown statue"
        )
        if self._last is Role.UNKNOWN and UNSPACED.search(phrase.text):
            self._unmatched[-1] += phrase.text
        else:
            self._unmatched.append(phrase.text)


def _is(thing: Thing, names: frozenset[str]) -> bool:
    return thing.asset is not None and folded(thing.asset.name) in names


def _most_important(things: Sequence[Thing]) -> list[Thing]:
    """At most four: the caller's pictures, then the first thing, then what is named rather than guessed by its kind."""

    def rank(index: int) -> tuple[bool, bool, bool, int]:
        thing = things[index]
        return thing.reference is None, index > 0, thing.score <= KIND, index

    return [things[index] for index in sorted(sorted(range(len(things)), key=rank)[:MOST_THINGS])]
