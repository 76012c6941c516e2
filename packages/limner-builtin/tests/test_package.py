import hashlib
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np

from limner_builtin.assets import emoji_codes, emoji_names, icon_paths, lexicon, modelled_names, modelled_picture
from limner_builtin.networks.sessions import run
from limner_builtin.reading.vocabulary import Vocabulary, folded

HOME = Path(str(resources.files("limner_builtin")))


def test_the_shipped_files_are_the_ones_that_were_vetted() -> None:
    sums = dict(reversed(line.split()) for line in (HOME / "SHA256SUMS").read_text().splitlines())

    for name, expected in sums.items():
        assert hashlib.sha256((HOME / name).read_bytes()).hexdigest() == expected, name
    shipped = {path.relative_to(HOME).as_posix() for path in HOME.glob("models/*")}
    assert shipped <= set(sums)


def test_every_model_and_asset_is_credited() -> None:
    notice = (HOME.parents[1] / "NOTICE").read_text()

    for path in [*HOME.glob("models/*.onnx"), *HOME.glob("assets/*.zip"), *HOME.glob("assets/*.gz")]:
        assert path.name in notice, path.name
    assert "Icons by the authors of game-icons.net" in notice


def test_every_synonym_leads_to_a_picture() -> None:
    vocabulary = Vocabulary()

    for word in lexicon()["synonyms"]:
        assert vocabulary.find(word) is not None, word


def test_every_name_in_the_lexicon_exists() -> None:
    known = {folded(words[0]) for words in emoji_names()["en"].values()}
    known |= {name.replace("-", " ") for name in icon_paths()}

    named = [
        name
        for section in ("flying", "swimming", "worn", "held", "garments", "containers", "surfaces", "afloat")
        for name in lexicon()[section]["names"]
    ]
    named += [name for names in lexicon()["stature"].values() for name in names]

    assert [name for name in named if folded(name) not in known] == []
    assert set(lexicon()["facing"].values()) <= set(emoji_codes())


def test_every_modelled_picture_takes_the_place_of_a_drawing() -> None:
    known = set(emoji_codes()) | {f"icon-{name}" for name in icon_paths()}

    assert modelled_names() <= known
    for name in modelled_names():
        picture = modelled_picture(name)
        assert picture is not None
        assert picture.mode == "RGBA"
        assert 300 < max(picture.size) <= 700, name


def test_every_shipped_model_opens() -> None:
    assert run("u2netp", np.zeros((1, 3, 320, 320), np.float32))[0].shape == (1, 1, 320, 320)
    assert run("face_detection_short_range", np.zeros((1, 128, 128, 3), np.float32))[0].shape[1] == 896
    assert run("realesr_x4", np.zeros((1, 3, 8, 8), np.float32))[0].shape == (1, 3, 32, 32)
    code = run("style_predict", np.zeros((1, 256, 256, 3), np.float32))[0]
    assert run("style_transform", np.zeros((1, 64, 96, 3), np.float32), code)[0].shape == (1, 64, 96, 3)


def test_the_networks_library_reports_nothing_to_its_maker(tmp_path: Path) -> None:
    """Its reports begin with an identifier in the home folder, but not under CI: so its variables are left out."""
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "GITHUB_ACTIONS", "XDG_CACHE_HOME"}}
    opens = "import sys; from limner_builtin.networks import sessions; sessions._session('u2netp')"
    code = f"{opens}; print('onnxruntime' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "True\n"
    assert list(tmp_path.iterdir()) == []
