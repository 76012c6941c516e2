"""How two things stand to each other, in the languages that prompts most often come in."""

import pytest

from limner_builtin.reading.meaning import Relation
from limner_builtin.reading.prompt import read
from limner_builtin.reading.vocabulary import Vocabulary

VOCABULARY = Vocabulary()
CASES = {
    Relation.ON: (
        "eine Katze auf einem Tisch",
        "un chat sur la table",
        "un gato sobre la mesa",
        "un gato en la mesa",
        "un gatto sul tavolo",
        "un gatto sopra una sedia",
        "um gato na mesa",
        "um gato sobre a mesa",
        "кот на столе",
        "кошка на стуле",
        "猫在桌子上",
        "一只猫坐在椅子上",
        "テーブルの上の猫",
        "猫がテーブルの上にいる",
        "의자 위의 고양이",
        "의자 위에 있는 고양이",
    ),
    Relation.BESIDE: (
        "eine Katze neben einem Tisch",
        "un chat à côté de la table",
        "un gato al lado de la mesa",
        "un gato junto a la mesa",
        "un gatto accanto al tavolo",
        "un gatto vicino alla casa",
        "um gato ao lado da mesa",
        "um gato perto da casa",
        "кот рядом со столом",
        "собака возле дома",
        "桌子旁边的猫",
        "一只猫在房子旁边",
        "家の隣の猫",
        "猫の隣に犬",
        "집 옆의 고양이",
        "집 옆에 있는 강아지",
        "кошка у дома",
        "家のそばの猫",
    ),
    Relation.UNDER: (
        "eine Katze unter dem Tisch",
        "un chat sous la table",
        "un gato debajo de la mesa",
        "un gato bajo la mesa",
        "un gatto sotto il tavolo",
        "un gatto sotto un albero",
        "um gato debaixo da mesa",
        "um gato sob a mesa",
        "кот под столом",
        "собака под деревом",
        "桌子下面的猫",
        "一只狗在树下",
        "木の下の猫",
        "猫がテーブルの下にいる",
        "나무 아래의 고양이",
        "나무 밑에 있는 고양이",
    ),
    Relation.BEHIND: (
        "eine Katze hinter dem Tisch",
        "un chat derrière la table",
        "un gato detrás de la mesa",
        "un gato tras la mesa",
        "un gatto dietro il tavolo",
        "un gatto dietro alla casa",
        "um gato atrás da mesa",
        "um gato por trás da casa",
        "кот за столом",
        "лиса за деревом",
        "房子后面的猫",
        "一只猫躲在树后面",
        "家の後ろの猫",
        "木の後ろに隠れる狐",
        "집 뒤의 고양이",
        "나무 뒤에 숨은 여우",
    ),
    Relation.FRONT: (
        "eine Katze vor dem Tisch",
        "un chat devant la table",
        "un gato delante de la mesa",
        "un gato frente a la mesa",
        "un gatto davanti al tavolo",
        "un gatto di fronte alla casa",
        "um gato em frente à mesa",
        "um gato diante da casa",
        "кот перед домом",
        "房子前面的猫",
        "一只猫在房子前面",
        "家の前の猫",
        "집 앞의 고양이",
        "집 앞에 있는 강아지",
    ),
}
ANCHORS = {"house", "table", "chair", "deciduous tree"}


@pytest.mark.parametrize(
    ("relation", "prompt"), [(relation, prompt) for relation, prompts in CASES.items() for prompt in prompts]
)
def test_a_relation_is_read_in_every_language(relation: Relation, prompt: str) -> None:
    reading = read(prompt, VOCABULARY)
    first, second = reading.things

    assert first.asset is not None
    assert second.asset is not None
    assert second.relation is relation
    assert reading.unmatched == ()
    if relation is not Relation.BESIDE:  # who is beside whom is the same either way
        assert first.asset.name not in ANCHORS
        assert second.asset.name in ANCHORS


@pytest.mark.parametrize(
    "prompt",
    [
        "ein Vogel über dem Haus",
        "un oiseau au-dessus de la maison",
        "um pássaro acima da casa",
        "птица над домом",
        "房子上方的鸟",
        "家の上空の鳥",
    ],
)
def test_what_flies_is_over_what_stands(prompt: str) -> None:
    bird, house = read(prompt, VOCABULARY).things

    assert (bird.asset and bird.asset.name, house.asset and house.asset.name) == ("bird", "house")
    assert house.relation is Relation.ABOVE
