"""The spec of a task: stored, and read again, whichever version wrote it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.domain.ids import BlobId
from limner.domain.tasks.spec import ImageSpec, TaskSpec
from limner.domain.tasks.task import Result

texts = st.text(max_size=20)
images = st.builds(ImageSpec, texts, texts, st.none() | st.integers(0, 9), st.none() | texts)
results = st.builds(Result, texts.map(BlobId), texts, texts, st.integers(1, 9), st.integers(1, 9))
specs = st.builds(
    TaskSpec,
    prompt=texts,
    template=st.none() | texts,
    t_pose=st.booleans(),
    sketch_to_render=st.booleans(),
    negative_prompt=st.none() | texts,
    aspect_ratio=st.none() | texts,
    n=st.integers(1, 10),
    size=st.none() | texts,
    quality=st.none() | texts,
    background=st.none() | texts,
    output_format=st.none() | texts,
    output_compression=st.none() | st.integers(0, 100),
    seed=st.none() | st.integers(0, 9),
    mask=st.booleans(),
    ignored=st.lists(texts, max_size=2).map(tuple),
    views=st.lists(images, max_size=2).map(tuple),
    unchanged_views=st.dictionaries(texts, results, max_size=2),
)


@given(specs)
def test_a_stored_spec_is_read_as_it_was_written(spec: TaskSpec) -> None:
    assert TaskSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


ONE_IMAGE = {
    "prompt": "a red fox",
    "template": "t_pose",
    "t_pose": True,
    "sketch_to_render": False,
    "negative_prompt": None,
    "aspect_ratio": "16:9",
    "ignored": ["style"],
}
EDIT = {
    "prompt": "",
    "template": None,
    "t_pose": False,
    "sketch_to_render": False,
    "negative_prompt": None,
    "aspect_ratio": None,
    "ignored": [],
    "views": [{"part": "front", "prompt": "Change it: blue", "reference": 0, "wish": "blue"}],
    "stays": {
        "left": {"blob": "ab", "media_type": "image/png", "extension": "png", "width": 1, "height": 2, "views": {}}
    },
}


@pytest.mark.parametrize("stored", [ONE_IMAGE, EDIT])
def test_a_row_keeps_its_form(stored: dict[str, object]) -> None:
    assert TaskSpec.from_json(stored).to_json() | stored == TaskSpec.from_json(stored).to_json()


def test_rows_of_earlier_versions_are_read() -> None:
    """Before aspect ratios, and before the caller's own words of a view were stored."""
    first = {"prompt": "a fox", "template": None, "t_pose": False, "sketch_to_render": True}
    views = {**first, "views": [{"part": "front", "prompt": "Draw it", "reference": 0}]}

    assert TaskSpec.from_json(first) == TaskSpec(prompt="a fox", sketch_to_render=True)
    assert TaskSpec.from_json(views).images == (ImageSpec("front", "Draw it", 0),)


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert TaskSpec.from_json({"prompt": "a fox", "hologram": True}) == TaskSpec(prompt="a fox")


def test_a_task_of_one_image_has_one_without_a_part() -> None:
    assert TaskSpec(prompt="a fox").images == (ImageSpec("", "a fox"),)
