import pytest

from limner_builtin.reading.meaning import Reading, Relation
from limner_builtin.reading.prompt import read
from limner_builtin.reading.vocabulary import Vocabulary
from limner_builtin.sprites.materials import Material

VOCABULARY = Vocabulary()


def reading_of(prompt: str, references: int = 0) -> Reading:
    return read(prompt, VOCABULARY, references)


def names(reading: Reading) -> list[str]:
    return [thing.asset.name if thing.asset else f"image {thing.reference}" for thing in reading.things]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red fox wearing a crown", ["fox", "crown"]),
        ("two cats and a birthday cake", ["cat", "birthday cake"]),
        ("an astronaut next to a rocket", ["astronaut", "rocket"]),
        ("ein Fuchs und eine Katze", ["fox", "cat"]),
        ("一只狐狸和一个宝箱", ["fox", "locked chest"]),
        ("un chat noir sur une table", ["black cat", "table"]),
        ("красный дракон в лесу", ["dragon"]),
        ("ein roter Drache", ["dragon"]),
    ],
)
def test_things_are_found_in_many_languages(prompt: str, expected: list[str]) -> None:
    assert names(reading_of(prompt)) == expected


def test_count_colour_and_size_belong_to_the_thing_they_precede() -> None:
    fish, rocket = reading_of("three small fish and a blue rocket").things

    assert (fish.count, fish.scale < 1, bool(fish.paint)) == (3, True, False)
    assert (rocket.count, rocket.paint.hue) == (1, 218.0)


def test_a_material_paints_the_whole_thing() -> None:
    (chest,) = reading_of("a golden treasure chest").things

    assert chest.paint.material is Material.GOLD


def test_a_colour_that_names_no_thing_after_it_is_the_fruit() -> None:
    assert names(reading_of("an orange")) == ["orange"] or names(reading_of("an orange")) == ["tangerine"]


@pytest.mark.parametrize(
    ("prompt", "relation"),
    [
        ("a cat on a table", Relation.ON),
        ("a cat under a tree", Relation.UNDER),
        ("a knight in front of a castle", Relation.FRONT),
        ("a bear with a hat", Relation.WEAR),
        ("a bear with a balloon", Relation.HOLD),
        ("a bear and a balloon", Relation.HOLD),
        ("a cat riding a horse", Relation.RIDE),
        ("a cat in a bed", Relation.ON),
        ("un gato en la cama", Relation.ON),
        ("un chat dans un panier", Relation.INSIDE),
    ],
)
def test_relations(prompt: str, relation: Relation) -> None:
    assert reading_of(prompt).things[1].relation is relation


def test_a_place_is_scenery_and_not_a_thing() -> None:
    reading = reading_of("a fox in a snowy forest at night")

    assert names(reading) == ["fox"]
    assert (reading.setting.place, reading.setting.weather, reading.setting.time) == ("forest", "snow", "night")


def test_an_alien_planet_is_a_place() -> None:
    reading = reading_of("an astronaut on a purple alien planet")

    assert names(reading) == ["astronaut"]
    assert (reading.setting.place, reading.setting.hue) == ("alien", 275.0)


def test_words_without_a_picture_are_reported() -> None:
    assert reading_of("a photorealistic quantum blorb").unmatched == ("photorealistic", "quantum", "blorb")


def test_of_two_nouns_in_a_row_the_head_is_drawn_and_the_other_reported() -> None:
    reading = reading_of("a robot dog")

    assert (names(reading), reading.unmatched) == (["dog"], ("robot",))


def test_the_cat_is_the_picture_and_a_cat_is_one_more() -> None:
    assert names(reading_of("put the cat on the beach", 1)) == ["image 0"]
    assert names(reading_of("image[1] with a cat", 1)) == ["image 0", "cat"]
    assert names(reading_of("two dogs next to the woman", 1)) == ["dog", "image 0"]


def test_a_request_without_a_subject_refers_to_the_first_picture() -> None:
    reading = reading_of("wearing a crown", 1)

    assert names(reading) == ["image 0", "crown"]
    assert reading.things[1].relation is Relation.WEAR


def test_a_picture_that_is_not_there_is_passed_over() -> None:
    assert names(reading_of("image[3] on the beach", 1)) == []


MISLEADING = (
    "photo shot focus sharp view side away serious action soft glow glowing shadows reflection rays cool hot "
    "pastel painting ink stroke strokes cover manga print clay iron stone glass crystal winning unreal clean "
    "simple round epic top rule crossing writing growing floating melting exploding home power spirit mind "
    "dream future wave pipe nail wings frame"
)
"""Words that say how a picture looks, and that are a name or a tag of something that could be drawn."""


@pytest.mark.parametrize("word", MISLEADING.split())
def test_a_modifier_draws_no_thing_of_its_own(word: str) -> None:
    assert names(reading_of(f"a {word} of a fox")) == ["fox"]
    assert names(reading_of(f"{word} fox")) == ["fox"]
    assert names(reading_of(f"a fox, {word}")) == ["fox"]


@pytest.mark.parametrize("prompt", ["golden dragon statue", "a golden statue of a dragon"])
def test_the_thing_that_a_statue_shows_is_drawn(prompt: str) -> None:
    assert names(reading_of(prompt)) == ["dragon"]


def test_unknown_words_part_nouns() -> None:
    assert names(reading_of("fox blorbing castle")) == ["fox", "castle"]


def test_a_noun_without_a_picture_is_drawn_as_its_kind_and_that_is_told() -> None:
    reading = reading_of("a corgi beside a stag")

    assert names(reading) == ["dog", "deer"]
    assert reading.changes == ("corgi is drawn as dog", "stag is drawn as deer")


def test_technical_data_of_a_camera_are_no_counts() -> None:
    (samurai,) = reading_of("a samurai, 35mm, f/1.8, 16:9, 8k").things

    assert samurai.count == 1


def test_counts_above_eight_are_told() -> None:
    reading = reading_of("12 balloons")

    assert (reading.things[0].count, reading.changes) == (8, ("8 of 12 balloons are drawn",))


def test_at_most_four_things_are_drawn_and_the_others_told() -> None:
    reading = reading_of("a fox, a cat, a castle, a rose, a rocket and a corgi")

    assert names(reading) == ["fox", "cat", "castle", "rose"]
    assert reading.unmatched == ("rocket", "corgi")


def test_what_is_named_goes_before_what_is_drawn_by_its_kind() -> None:
    assert names(reading_of("a fox, a corgi, a cat, a castle, a rose")) == ["fox", "cat", "castle", "rose"]


def test_parts_of_a_body_belong_to_whoever_has_them() -> None:
    reading = reading_of("a girl with red hair and green eyes")

    assert (names(reading), reading.unmatched) == (["girl"], ("red", "hair", "eyes"))
    assert not reading.things[0].paint


@pytest.mark.parametrize(
    ("prompt", "expected", "relation"),
    [
        ("一只戴着皇冠的红色狐狸", ["fox", "crown"], Relation.WEAR),
        ("骑着马的宇航员", ["astronaut", "horse"], Relation.RIDE),
        ("桌子上的猫", ["cat", "table"], Relation.ON),
        ("一只猫在桌子上", ["cat", "table"], Relation.ON),
        ("树下的兔子", ["rabbit", "deciduous tree"], Relation.UNDER),
        ("王冠をかぶった狐", ["fox", "crown"], Relation.WEAR),
        ("テーブルの上の猫", ["cat", "table"], Relation.ON),
    ],
)
def test_the_bearer_may_follow_in_chinese_and_japanese(prompt: str, expected: list[str], relation: Relation) -> None:
    reading = reading_of(prompt)

    assert (names(reading), reading.things[1].relation) == (expected, relation)


@pytest.mark.parametrize(("prompt", "count"), [("三条鱼", 3), ("五朵玫瑰", 5), ("二匹の猫", 2), ("三羽の鳥", 3)])
def test_measure_words_count(prompt: str, count: int) -> None:
    (thing,) = reading_of(prompt).things

    assert thing.count == count


def test_a_plural_is_the_named_thing_before_an_icon_of_that_name() -> None:
    assert names(reading_of("12 balloons")) == ["balloon"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("hot air balloon", ["air balloon"]),
        ("red balloons", ["balloon"]),
        ("a treehouse", ["treehouse"]),
        ("медведь ест мёд в лесу", ["bear", "honey pot"]),
        ("белый кот", ["cat"]),
        ("雪山下的小木屋", ["hut", "snow-capped mountain"]),
        ("桜の木の下の侍", ["figure with samurai helmet", "deciduous tree"]),
        ("un gato en un sofá", ["cat", "sofa"]),
        ("호랑이와 고양이", ["tiger", "cat"]),
        ("die Katzen", ["cat"]),
    ],
)
def test_compounds_and_other_languages_name_what_they_mean(prompt: str, expected: list[str]) -> None:
    assert names(reading_of(prompt)) == expected


@pytest.mark.parametrize(
    "word", ["sleeping", "running", "smiling", "old", "ancient", "futuristic", "realistic", "isometric", "sitting"]
)
def test_what_is_not_carried_out_is_told(word: str) -> None:
    reading = reading_of(f"a {word} fox")

    assert (names(reading), reading.unmatched) == (["fox"], (word,))


def test_flying_is_carried_out_for_what_flies() -> None:
    assert reading_of("a flying eagle").unmatched == ()
    assert reading_of("a flying pig").unmatched == ("flying",)


def test_nobody_is_dressed_so_what_is_worn_is_told_and_not_laid_beside() -> None:
    reading = reading_of("a fisherman in a yellow raincoat with a backpack and hiking boots")

    assert names(reading) == ["person standing"]
    assert reading.unmatched == ("raincoat", "backpack", "hiking boots")
    assert names(reading_of("a yellow raincoat")) == ["coat"]


@pytest.mark.parametrize("prompt", ["a basket of red apples", "a basket full of red apples", "red apples in a basket"])
def test_what_a_vessel_holds_is_in_it(prompt: str) -> None:
    reading = reading_of(prompt)

    assert names(reading) == ["red apple", "basket"]
    assert reading.things[1].relation is Relation.INSIDE


def test_a_place_that_is_shown_as_another_is_told() -> None:
    reading = reading_of("a cat in a museum")

    assert (reading.setting.place, reading.changes) == ("room", ("museum is shown as room",))
    assert reading_of("a cat in a room").changes == ()


def test_an_hour_and_a_weather_that_do_not_show_indoors_are_told() -> None:
    assert reading_of("a cat in a room on a rainy night").unmatched == ("rainy", "night")
    assert reading_of("a cat in a meadow on a rainy night").unmatched == ()


def test_large_numbers_are_read() -> None:
    (thing,) = reading_of("a dozen roses").things

    assert (thing.asked, thing.count) == (12, 8)


def test_the_moon_may_be_where_it_happens() -> None:
    reading = reading_of("an astronaut on the surface of the moon")

    assert (names(reading), reading.setting.place) == (["astronaut"], "space")


def test_a_colour_before_a_named_thing_is_no_name_of_another_kind() -> None:
    (dragon,) = reading_of("a green dragon").things

    assert (dragon.asset and dragon.asset.name, dragon.paint.hue) == ("dragon", 130.0)
    hoard = reading_of("a dragon on a pile of gold")
    assert (names(hoard), hoard.unmatched) == (["dragon"], ("pile of", "gold"))


def test_a_ship_in_a_storm_is_at_sea() -> None:
    assert reading_of("a pirate ship in a storm").setting.place == "sea"
    assert reading_of("a fox in a storm").setting.place is None


@pytest.mark.parametrize(
    ("prompt", "expected", "told"),
    [
        ("a chef cooking in a kitchen", ["cook"], "cooking"),
        ("a hot air balloon over a mountain lake", ["air balloon"], "mountain"),
        ("a fox in a castle garden", ["fox"], "in a castle"),
    ],
)
def test_what_somebody_does_and_the_noun_before_a_place_are_no_things(
    prompt: str, expected: list[str], told: str
) -> None:
    reading = reading_of(prompt)

    assert (names(reading), told in reading.unmatched) == (expected, True)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a frog chef", ["frog", "chef toque"]),
        ("a mouse dressed as a knight", ["mouse", "crested helmet"]),
        ("a samurai cat", ["cat", "samurai helmet"]),
        ("a pirate cat", ["cat", "pirate hat"]),
        ("a pirate", ["man", "pirate hat"]),
        ("a wizard", ["mage"]),
        ("a cat and a chef", ["cat", "cook"]),
    ],
)
def test_an_animal_of_a_trade_wears_its_hat(prompt: str, expected: list[str]) -> None:
    reading = reading_of(prompt)

    assert names(reading) == expected
    assert reading.unmatched == ()
    if "hat" in expected[-1] or "toque" in expected[-1]:
        assert reading.things[-1].relation is Relation.WEAR


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a fat cat", ["cat"]),
        ("a lone wolf", ["wolf"]),
        ("zwei Pinguine neben einem Schneemann", ["penguin", "snowman"]),
        ("zwei Hunde spielen am Strand", ["dog"]),
    ],
)
def test_an_animal_is_meant_as_an_animal(prompt: str, expected: list[str]) -> None:
    assert names(reading_of(prompt)) == expected
