"""Tiny models with random weights, in the folders that real ones come in. They draw noise, by the real pipelines.

Run as a program, with the folder to write them to: so the tests' own process stays without torch.
"""

import json
import string
import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Qwen2TokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())

CHAT = (
    "{% for m in messages %}<|im_start|>{{m['role']}}\n{{m['content']}}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_models(folder: Path) -> None:
    """FLUX.1-dev, FLUX.1-schnell, FLUX.1-Kontext-dev, FLUX.2-klein-4B and FLUX.2-klein-base-4B, by those names."""
    torch.manual_seed(0)
    parts = _flux_parts(folder / "scratch")
    FluxPipeline(**parts).save_pretrained(folder / "FLUX.1-dev")
    FluxKontextPipeline(**parts).save_pretrained(folder / "FLUX.1-Kontext-dev")
    FluxPipeline(**parts | {"transformer": _transformer(guidance=False)}).save_pretrained(folder / "FLUX.1-schnell")
    parts = _klein_parts(folder / "scratch")
    Flux2KleinPipeline(**parts, is_distilled=True).save_pretrained(folder / "FLUX.2-klein-4B")
    Flux2KleinPipeline(**parts, is_distilled=False).save_pretrained(folder / "FLUX.2-klein-base-4B")


def _flux_parts(scratch: Path) -> dict[str, Any]:
    vocabulary = {token: number for number, token in enumerate([*BYTES, *(f"{each}</w>" for each in BYTES)])}
    size = len(vocabulary) + 2
    vocabulary |= {"<|startoftext|>": size - 2, "<|endoftext|>": size - 1}
    letters = [(letter, -3.0) for letter in "▁" + string.printable[:95] if letter != " "]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), *letters]
    clip = CLIPTextConfig(
        vocab_size=size, bos_token_id=size - 2, eos_token_id=size - 1, pad_token_id=size - 1, hidden_size=32,
        intermediate_size=37, num_attention_heads=4, num_hidden_layers=2, max_position_embeddings=77, projection_dim=32,
    )  # fmt: skip
    t5 = T5Config(
        vocab_size=len(pieces), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4,
        feed_forward_proj="gated-gelu", tie_word_embeddings=False,
    )  # fmt: skip
    return {
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "vae": AutoencoderKL(
            **_vae("EncoderBlock2D"), in_channels=3, out_channels=3, use_quant_conv=False, use_post_quant_conv=False,
            shift_factor=0.0609, scaling_factor=1.5035,
        ),
        "text_encoder": CLIPTextModel(clip),
        "tokenizer": CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77),
        "text_encoder_2": T5EncoderModel(t5),
        "tokenizer_2": _t5_tokenizer(pieces, scratch / "t5"),
        "transformer": _transformer(guidance=True),
    }  # fmt: skip


def _transformer(*, guidance: bool) -> FluxTransformer2DModel:
    return FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8), guidance_embeds=guidance,
    )  # fmt: skip


def _vae(kind: str) -> dict[str, Any]:
    return {
        "block_out_channels": (4, 4, 4, 8),  # four blocks shrink a picture to an eighth, as the real one does
        "layers_per_block": 1,
        "latent_channels": 4,
        "norm_num_groups": 1,
        "sample_size": 32,
        "down_block_types": (f"Down{kind}",) * 4,
        "up_block_types": (f"Up{kind.replace('En', 'De')}",) * 4,
    }


def _t5_tokenizer(pieces: list[tuple[str, float]], folder: Path) -> T5TokenizerFast:
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    reported = {
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "model_max_length": 512,
        "extra_ids": 0,
    }
    return _reread(T5TokenizerFast, tokenizer, reported, folder)


def _klein_parts(scratch: Path) -> dict[str, Any]:
    specials = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    vocabulary = {token: number for number, token in enumerate([*BYTES, *specials])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    reported = {"eos_token": specials[2], "pad_token": specials[0], "model_max_length": 512, "chat_template": CHAT}
    qwen = Qwen3Config(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=28, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=512, tie_word_embeddings=True,
    )  # fmt: skip
    return {
        "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        "vae": AutoencoderKLFlux2(**_vae("EncoderBlock2D"), patch_size=(2, 2)),
        "text_encoder": Qwen3ForCausalLM(qwen),
        "tokenizer": _reread(Qwen2TokenizerFast, tokenizer, reported, scratch / "qwen"),
        # The words are what three layers of the encoder say.
        "transformer": Flux2Transformer2DModel(
            patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=3 * 16, timestep_guidance_channels=256,
            axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
        ),
    }  # fmt: skip


def _reread(kind: type[Any], tokenizer: Tokenizer, reported: dict[str, Any], folder: Path) -> Any:
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind.__name__, **reported}))
    return kind.from_pretrained(folder)


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
