"""Models of one's own, run on this machine by the library diffusers: FLUX.1, FLUX.1 Kontext, FLUX.2 klein.

`wishes` lists the options, `folder` says what a model's folder is. Importing this package is cheap: torch and diffusers
are loaded by a model's own process alone, when its first order comes.
"""

from limner.providers.diffusers.provider import DiffusersProvider

__all__ = ["DiffusersProvider"]
