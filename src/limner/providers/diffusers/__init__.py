"""Local models, run with the library diffusers: FLUX.1, FLUX.1 Kontext, FLUX.2 klein.

`pipeline_options` has the options, `folder` the layout of a model folder. Importing this package is cheap: torch and
diffusers are imported only in a model's child process, when the first request for the model comes.
"""

from limner.providers.diffusers.provider import DiffusersProvider

__all__ = ["DiffusersProvider"]
