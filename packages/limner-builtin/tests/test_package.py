import hashlib
from importlib import resources
from pathlib import Path

import numpy as np

from limner_builtin.assets import emoji_codes, emoji_names, icon_paths, lexicon
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

    named = [name for section in ("flying", "swimming", "worn", "held") for name in lexicon()[section]["names"]]
    named += [name for names in lexicon()["stature"].values() for name in names]

    assert [name for name in named if folded(name) not in known] == []
    assert set(lexicon()["facing"].values()) <= set(emoji_codes())


def test_every_shipped_model_opens() -> None:
    assert run("u2netp", np.zeros((1, 3, 320, 320), np.float32))[0].shape == (1, 1, 320, 320)
    assert run("face_detection_short_range", np.zeros((1, 128, 128, 3), np.float32))[0].shape[1] == 896
    assert run("realesr_x4", np.zeros((1, 3, 8, 8), np.float32))[0].shape == (1, 3, 32, 32)
    code = run("style_predict", np.zeros((1, 256, 256, 3), np.float32))[0]
    assert run("style_transform", np.zeros((1, 64, 96, 3), np.float32), code)[0].shape == (1, 64, 96, 3)
