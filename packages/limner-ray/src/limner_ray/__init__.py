"""Limner's engines on a Ray cluster: jobs are submitted under the caller's ids, over HTTP, and drawn by replicas.

`order` and `job_store` know nothing of Ray. `registry` is the detached actor that holds every job, `replica` draws,
`http_api` answers, and `application` puts them together for Ray Serve.
"""

__version__ = "0.1.0"
