import pytest

from limner.domain.prompts.dialect import (
    FLUX,
    GEMINI,
    GPT_IMAGE,
    KONTEXT,
    MIDJOURNEY,
    NUMBERED,
    PLAIN,
    PromptDialect,
    dialect_named_in,
)


@pytest.mark.parametrize(
    ("upstream", "dialect"),
    [
        ("flux-kontext-pro", KONTEXT),
        ("fal-ai/flux-pro/kontext/max", KONTEXT),
        ("FLUX.1-Kontext-dev", KONTEXT),
        ("fal-ai/flux/dev", FLUX),
        ("black-forest-labs/flux-1.1-pro", FLUX),
        ("flux-2-pro", NUMBERED),
        ("black-forest-labs/FLUX.2-klein-4B", NUMBERED),
        ("flux-3-image", NUMBERED),
        ("fal-ai/bytedance/seedream/v4/edit", NUMBERED),
        ("Qwen/Qwen-Image-Edit-2511", NUMBERED),
        ("openai/gpt-image-2.6-flare", GPT_IMAGE),
        ("fal-ai/nano-banana-pro", GEMINI),
        ("gemini_3_pro_image_preview", GEMINI),
        ("midjourney", MIDJOURNEY),
        ("acme/draws-well", PLAIN),
    ],
)
def test_a_vendor_s_name_of_a_model_says_its_family(upstream: str, dialect: PromptDialect) -> None:
    assert dialect_named_in(upstream) is dialect
