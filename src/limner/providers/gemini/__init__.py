"""Google's Gemini image models, through the developer API.

Base URL `https://generativelanguage.googleapis.com`. Route options, which an account may set as defaults:
`api_version` (default `v1beta`: `v1` has refused `responseModalities`), `image_size`, `thinking_level`,
`safety_settings`, `family` (which model's facts apply) and `facts` (facts that differ from the family's).
"""

from limner.providers.gemini.provider import GeminiProvider

__all__ = ["GeminiProvider"]
