"""What the configuration says of models."""

from datetime import date
from pathlib import Path

import pytest

from limner.domain.model import JPEG, ModelFacts
from limner.models import shipped_models
from limner.settings import SettingsInvalid, SettingsProblem, load_settings

SHIPPED = shipped_models()
MINE = '[[model]]\nname = "mine"\ntitle = "Mine"\ncredits = 7\n'


def problem(folder: Path, text: str) -> SettingsProblem:
    """The one mistake of a configuration, without the path of its file."""
    path = folder / "limner.toml"
    path.write_text(text)
    with pytest.raises(SettingsInvalid) as invalid:
        load_settings(data=folder)
    [found] = invalid.value.problems
    return SettingsProblem(found.text.replace(f"{path}, ", ""), found.remedy)


def test_a_row_adds_a_model_after_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text(
        MINE
        + 'reference_cap = 2\naccepts = ["jpeg"]\nsizes = ["1K", "2K"]\naliases = ["my_own"]\nretired = 2026-11-29\n'
    )

    models = load_settings(data=tmp_path).models

    assert list(models) == [*SHIPPED, "mine"]
    assert models.called("my_own") is models["mine"]
    assert models["mine"] == ModelFacts(
        name="mine",
        title="Mine",
        credits=7,
        reference_cap=2,
        accepts=frozenset({JPEG}),
        sizes=("1K", "2K"),
        aliases=("my_own",),
        retired=date(2026, 11, 29),
    )


def test_a_row_with_a_shipped_name_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text('[[model]]\nname = "gpt_4o"\ntitle = "Ours"\ncredits = 1\n')

    models = load_settings(data=tmp_path).models

    assert list(models) == list(SHIPPED)
    assert (models["gpt_4o"].title, models["gpt_4o"].credits, models["gpt_4o"].aliases) == ("Ours", 1, ())


def test_a_table_of_aliases_gives_models_further_names(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text('[model_alias]\n"dall-e-3" = "gpt_image_2"\n')

    models = load_settings(data=tmp_path).models

    assert models.called("dall-e-3") is models["gpt_image_2"]
    assert models.called("chat_image_2") is models["gpt_image_2"]
    assert models.called("dall-e-4") is None


def test_a_model_of_ones_own_may_be_the_default(tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text(f'default_model = "mine"\n{MINE}')

    assert load_settings(data=tmp_path).default_model == "mine"


@pytest.mark.parametrize(
    ("text", "says", "remedy"),
    [
        (MINE + MINE, "line 6: setting model.1.name: model 'mine' is written twice", "Remove one of the rows."),
        (
            MINE + 'reference_cap = 1\nsuccessor_with_image = "gpt_4o"\n',
            "line 5: setting model.0.reference_cap: model 'mine' takes 1 reference images and names a successor",
            "Set reference_cap = 0, or remove successor_with_image.",
        ),
        (
            MINE + 'successor_with_image = "midjourney"\n',
            "line 5: setting model.0.successor_with_image: 'midjourney', the successor of model 'mine', is no model",
            "Name one of flux.1_kontext_pro, gpt_4o",
        ),
        (
            '[[model]]\nname = "flux.1_kontext_pro"\ntitle = "x"\ncredits = 1\n',
            "line 1: setting model.0.successor_with_image: 'flux.1_kontext_pro', the successor of model 'flux.1_dev',",
            "Name one of gpt_4o",
        ),
        (
            MINE + '\n[[model]]\nname = "other"\ntitle = "x"\ncredits = 1\naliases = ["banana"]\n',
            "line 10: setting model.1.aliases: the alias 'banana' of model 'other' is a name of model",
            "Remove the alias, or choose another.",
        ),
        (
            MINE + 'aliases = ["mine"]\n',
            "line 5: setting model.0.aliases: the alias 'mine' of model 'mine' is a",
            "Remo",
        ),
        (
            '[model_alias]\nfox = "gpt_5"\n',
            "line 2: setting model_alias.fox: the alias 'fox' leads to 'gpt_5', which is no model",
            "It may lead to flux.1_kontext_pro, ",
        ),
        (
            '[model_alias]\ngpt_4o = "gpt_image_2"\n',
            "line 2: setting model_alias.gpt_4o: 'gpt_4o' is a model, and no alias",
            "Choose another alias.",
        ),
        (MINE + "accepts = []\n", "line 5: setting model.0.accepts: a model accepts at least one format", ""),
        (
            MINE + 'accepts = ["gif"]\n',
            "line 5: setting model.0.accepts.0: Input should be 'jpeg', 'png' or 'webp'",
            "",
        ),
        (MINE + 'sizes = ["8K"]\n', "line 5: setting model.0.sizes.0: Input should be '1K', '2K' or '4K'", ""),
        (
            MINE + 'qualities = ["high"]\nobeys = ["seed"]\n',
            "line 5: setting model.0.qualities: model 'mine' lists qualities, and does not obey quality",
            "Remove qualities, or add 'quality' to obeys.",
        ),
        (
            MINE + "reference_cap = 17\n",
            "line 5: setting model.0.reference_cap: Input should be less than or equal to 16",
            "",
        ),
        (
            '[[model]]\nname = "a b"\ntitle = "x"\ncredits = 1\n',
            "line 2: setting model.0.name: String should match",
            "",
        ),
        ('[[model]]\nname = "a"\ntitle = "x"\n', "line 1: setting model.0.credits: Field required", ""),
        (
            MINE + '[[model]]\nname = "b"\ntitle = "x"\nprice = 3\ncredits = 1\n',
            "line 8: there is no setting model.1.price",
            "See the configuration page, or `limner config show`.",
        ),
        (
            '[[route]]\nprovider = "fal"\nmodel = "gpt_5"\nupstream = "x"\n',
            "line 3: setting route.0.model: 'gpt_5' is no model",
            "It may be flux.1_kontext_pro, ",
        ),
        (
            '[[route]]\nprovider = "fal"\nmodel = "banana"\nupstream = "x"\n',
            "line 3: setting route.0.model: 'banana' is an alias",
            "Write 'gemini_2.5_flash_image_preview'.",
        ),
        ('default_model = "gpt_5"\n', "line 1: setting default_model: 'gpt_5' is no model", "It may be flux"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_remedy(tmp_path: Path, text: str, says: str, remedy: str) -> None:
    found = problem(tmp_path, text)

    assert says in found.text
    assert found.text.startswith("line ")
    assert found.remedy.startswith(remedy)
