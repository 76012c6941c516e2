# Limner without a shell, a package manager or a compiler, as an unprivileged user over a read-only root.
#
#   docker build --tag limner .                              for vendors' keys and servers of your own
#   docker build --tag limner --build-arg ENGINE=builtin .   with the built-in engine
#
# BASE lends Debian's Python; the image itself starts from nothing. docs/container.md tells how to run it.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ARG ENGINE=none
# Debian's newest security fixes are wanted, so no version is named.
# hadolint ignore=DL3008
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv binutils ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements/ requirements/
COPY deploy/container/ deploy/container/
RUN sh deploy/container/install_locked.sh "${ENGINE}"
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src/ src/
COPY packages/ packages/
RUN sh deploy/container/install_limner.sh "${ENGINE}" \
 && sh deploy/container/copy_root.sh /image

FROM scratch
COPY --from=build /image /
ENV PATH=/opt/limner/bin LIMNER_DATA=/data LIMNER_HOST=0.0.0.0 LIMNER_LOG_FORMAT=json PYTHONUTF8=1 PYTHONUNBUFFERED=1
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python3", "/opt/limner/healthy.py"]
ENTRYPOINT ["limner"]
CMD ["serve"]
