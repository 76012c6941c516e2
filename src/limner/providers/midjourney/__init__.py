"""Midjourney, through a relay that speaks the protocol of midjourney-proxy: there is no official public API.

Automating Midjourney accounts is against Midjourney's terms; whoever runs the relay answers for that. The base URL is
the relay's, with its prefix for speed where it has one (`https://relay.example/mj-fast`). Options of the account:
`auth` says how the key is sent, `both`, `secret` or `bearer`; `fail_reasons` adds to `FAIL_REASONS`;
`not_found_grace_s` is after how long a job that the relay does not know is given up, where that is not the task's
deadline; `poll_s` is the time between two polls. Options of a route: `pick` is `upscale` or `crop`; `flags` are
appended to the prompt, `--v 7` for instance; all others go into the request as they are.

A job draws a grid of four pictures. Some relays link each of them with the grid; else the first is requested as a job
of its own, or cropped from the grid.
"""

from limner.providers.midjourney.provider import MidjourneyProvider

__all__ = ["MidjourneyProvider"]
