"""OpenAI's images API and servers with the same protocol: Azure OpenAI, SGLang-Diffusion, vLLM-Omni.

Base URL `https://api.openai.com/v1`. Account options: `dialect` (one of `DIALECTS`), `organization`, `project` and
`api_version` (Azure deployments only). Route options, which an account may set as defaults: `stream`, `size`, `family`
(which model's facts apply when the upstream name is that of a deployment or a served model), `facts` (facts that
differ from the family's) and the fields of the dialect, sent unchanged.
"""

from limner.providers.openai.provider import OpenAiProvider

__all__ = ["OpenAiProvider"]
