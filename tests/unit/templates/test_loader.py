from pathlib import Path

import pytest

from limner.domain.prompts.characters import forbidden_character
from limner.domain.prompts.dialect import DIALECTS, PromptDialect
from limner.domain.prompts.prompt import compose
from limner.domain.prompts.template import named_template
from limner.models import shipped_models
from limner.templates.loader import LoadedTemplate, TemplateError, load_template, load_templates

MODELS = shipped_models()

SLUGS = {
    "asset_extraction",
    "character_completion",
    "t_pose",
    "head_extraction",
    "3d_enhance",
    "variants",
    "print_clay",
    "figure",
}
BUILT_IN = load_templates()
every_template = pytest.mark.parametrize("loaded", BUILT_IN.values(), ids=BUILT_IN)

GOOD = {"title": '"Mosaic"', "summary": '"Lays it in stone."', "text": '"Turn it into a mosaic. Keep the shapes."'}
PNG = b"\x89PNG\r\n\x1a\n and so on"


def write(folder: Path, /, **values: str | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} = {value}" for key, value in {**GOOD, **values}.items() if value is not None]
    (folder / "template.toml").write_text("\n".join(lines), "utf-8")
    return folder


class TestBuiltIn:
    def test_there_are_the_eight(self) -> None:
        assert set(BUILT_IN) == SLUGS

    @every_template
    def test_its_words_are_ready_for_every_model(self, loaded: LoadedTemplate) -> None:
        template = loaded.template

        assert 200 <= len(template.text) <= 700
        assert "\n" not in template.text
        assert "  " not in template.text
        assert forbidden_character(template.text) is None
        assert "--" not in template.text

    @every_template
    def test_it_says_what_to_show_never_what_not(self, loaded: LoadedTemplate) -> None:
        words = loaded.template.text.lower().replace(",", " ").replace(".", " ").split()

        assert not {"no", "not", "without", "never", "don't", "avoid"} & set(words)

    @every_template
    def test_it_states_what_stays(self, loaded: LoadedTemplate) -> None:
        assert "keep" in loaded.template.text.lower()

    @every_template
    def test_it_ends_in_a_scene_fit_for_3d(self, loaded: LoadedTemplate) -> None:
        text = loaded.template.text

        assert "fully in frame" in text or "filling most of the frame" in text
        assert any(plain in text for plain in ("plain white", "plain light", "plain neutral"))

    @pytest.mark.parametrize("slug", ["t_pose", "character_completion", "figure"])
    def test_a_body_is_shown_with_its_feet(self, slug: str) -> None:
        assert "Full body visible, feet included" in BUILT_IN[slug].template.text

    @every_template
    def test_its_words_never_lean_on_a_picture_that_may_be_left_out(self, loaded: LoadedTemplate) -> None:
        text = loaded.template.text.lower()

        assert not any(word in text for word in ("mannequin", "image 2", "second image", "reference", "example"))

    @every_template
    def test_the_models_it_names_exist(self, loaded: LoadedTemplate) -> None:
        assert loaded.template.best_with
        assert set(loaded.template.best_with) <= set(MODELS)

    @pytest.mark.parametrize(
        ("slug", "ratio"),
        [("asset_extraction", "16:9"), ("t_pose", "1:1"), ("head_extraction", "1:1"), ("variants", None)],
    )
    def test_its_shape_is_the_one_it_is_best_with(self, slug: str, ratio: str | None) -> None:
        assert BUILT_IN[slug].template.aspect_ratio == ratio

    def test_only_variants_and_the_t_pose_do_without_a_picture(self) -> None:
        assert {slug for slug, it in BUILT_IN.items() if not it.template.needs_image} == {"variants", "t_pose"}

    @every_template
    @pytest.mark.parametrize("cap", [0, 4, 10])
    @pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
    def test_it_composes_in_every_dialect(self, loaded: LoadedTemplate, dialect: PromptDialect, cap: int) -> None:
        own = min(1, cap)

        composed = compose(
            "in blue",
            dialect,
            template=loaded.template,
            t_pose=True,
            sketch_to_render=True,
            own_pictures=own,
            cap=cap,
        )

        assert loaded.template.text in composed.text
        assert composed.text.endswith("in blue")
        assert composed.template_pictures == (len(loaded.pictures) if own else 0)
        assert not any("sentences" in note or "not read past" in note for note in composed.notes)

    @every_template
    def test_its_pictures_are_there(self, loaded: LoadedTemplate) -> None:
        assert all(path.is_file() and path.parent.name == loaded.template.slug for path in loaded.pictures)

    def test_it_is_found_by_either_spelling(self) -> None:
        assert named_template("3d-enhance", BUILT_IN) is BUILT_IN["3d_enhance"]


class TestAnOperatorsFolder:
    def test_it_adds_a_template(self, tmp_path: Path) -> None:
        write(tmp_path / "stone-mosaic", aspect_ratio='"4:3"')

        templates = load_templates(tmp_path)

        assert set(templates) == SLUGS | {"stone_mosaic"}
        assert templates["stone_mosaic"].template.title == "Mosaic"
        assert templates["stone_mosaic"].template.aspect_ratio == "4:3"

    def test_it_puts_another_in_the_place_of_a_built_in(self, tmp_path: Path) -> None:
        write(tmp_path / "t-pose")

        templates = load_templates(tmp_path)

        assert set(templates) == SLUGS
        assert templates["t_pose"].template.title == "Mosaic"

    def test_the_later_folder_counts(self, tmp_path: Path) -> None:
        write(tmp_path / "a" / "mosaic")
        write(tmp_path / "b" / "mosaic", title='"Later"')

        assert load_templates(tmp_path / "a", tmp_path / "b")["mosaic"].template.title == "Later"

    def test_its_pictures_lie_beside_the_file(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "mosaic", pictures='[{file = "tiles.png", role = "a sample of the tiles"}]')
        (folder / "tiles.png").write_bytes(PNG)

        loaded = load_template(folder)

        assert loaded.pictures == (folder / "tiles.png",)
        assert loaded.template.pictures[0].role == "a sample of the tiles"
        assert loaded.template.pictures[0].media_type == "image/png"

    def test_its_version_follows_every_byte(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "mosaic", pictures='[{file = "tiles.jpg", role = "a sample"}]')
        (folder / "tiles.jpg").write_bytes(b"\xff\xd8\xff one")
        first = load_template(folder).version
        again = load_template(folder).version
        (folder / "tiles.jpg").write_bytes(b"\xff\xd8\xff two")
        other_picture = load_template(folder).version
        write(folder, title='"Other"', pictures='[{file = "tiles.jpg", role = "a sample"}]')
        other_words = load_template(folder).version

        assert first == again
        assert len({first, other_picture, other_words}) == 3

    def test_files_and_hidden_folders_beside_templates_are_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("Ours.")
        (tmp_path / ".git").mkdir()

        assert set(load_templates(tmp_path)) == SLUGS


PICTURE = '{file = "a.png", role = "a sample"}'
BROKEN = {
    "title missing": ({"title": None}, "title: is missing", 'title = "…"'),
    "text of another kind": ({"text": "7"}, "text: 7 is not a text", 'text = "…"'),
    "text blank": ({"text": '" "'}, "text: ' ' is not a text", 'text = "…"'),
    "text too long": ({"text": f'"{"a" * 2001}"'}, "text: is 2001 characters long", "2000"),
    "emoji in the text": ({"text": '"Draw 🦊"'}, "text: holds U+1F98A, an emoji", "Remove it"),
    "ratio": ({"aspect_ratio": '"wide"'}, "aspect_ratio: 'wide' is not a ratio", '"16:9"'),
    "ratio of nothing": ({"aspect_ratio": '"0:9"'}, "aspect_ratio: '0:9' is not a ratio", '"16:9"'),
    "best_with": ({"best_with": '"gemini"'}, "best_with: 'gemini' is not a list", 'best_with = ["…", "…"]'),
    "needs_image": ({"needs_image": '"yes"'}, "needs_image: 'yes' is neither", "needs_image = true"),
    "unknown key": ({"promt": '"a"'}, "promt: is not a key", "Known keys: title, summary, text"),
    "pictures": ({"pictures": '"a.png"'}, "pictures: is not a list of tables", "[[pictures]]"),
    "three pictures": ({"pictures": f"[{PICTURE}, {PICTURE}, {PICTURE}]"}, "pictures: lists 3", "Keep 2 at most"),
    "role missing": ({"pictures": '[{file = "a.png"}]'}, "pictures[0].role: is missing", 'role = "…"'),
    "picture missing": ({"pictures": f"[{PICTURE}]"}, "pictures[0].file: there is no 'a.png'", "beside template.toml"),
    "picture elsewhere": (
        {"pictures": '[{file = "../a.png", role = "a"}]'},
        "pictures[0].file: '../a.png' leads out of the folder",
        "beside template.toml",
    ),
    "not a picture": (
        {"pictures": '[{file = "template.toml", role = "a"}]'},
        "pictures[0].file: 'template.toml' is neither PNG nor JPEG",
        "Convert it",
    ),
    "no TOML": ({"title": "Mosaic"}, "is not valid TOML", "Correct it"),
}


class TestABrokenTemplate:
    @pytest.mark.parametrize(("values", "problem", "remedy"), BROKEN.values(), ids=BROKEN)
    def test_the_error_names_file_key_and_remedy(
        self, tmp_path: Path, values: dict[str, str | None], problem: str, remedy: str
    ) -> None:
        folder = write(tmp_path / "mosaic", **values)

        with pytest.raises(TemplateError) as error:
            load_templates(tmp_path)

        assert str(error.value).startswith(f"{folder / 'template.toml'}: {problem}")
        assert remedy in str(error.value)

    def test_a_folder_without_a_template_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "mosaic").mkdir()

        with pytest.raises(TemplateError, match=r"mosaic/template\.toml: is missing\. Add it"):
            load_templates(tmp_path)

    def test_a_folder_that_is_no_slug_is_named(self, tmp_path: Path) -> None:
        write(tmp_path / "Stone Mosaic")

        with pytest.raises(TemplateError, match="Stone Mosaic: the folder's name is not a slug"):
            load_templates(tmp_path)

    def test_two_spellings_of_one_slug_are_named(self, tmp_path: Path) -> None:
        write(tmp_path / "stone-mosaic")
        write(tmp_path / "stone_mosaic")

        with pytest.raises(TemplateError, match="has the same slug as stone-mosaic"):
            load_templates(tmp_path)

    def test_a_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(TemplateError, match="nowhere: is not a folder"):
            load_templates(tmp_path / "nowhere")
