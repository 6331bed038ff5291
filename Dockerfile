# syntax=docker/dockerfile:1
# Quipu in a container: docker build -t quipu .
#
# The base holds no CUDA: torch's ordinary wheel for Linux brings the CUDA libraries along, so one
# small base serves both kinds, and the host needs a driver and the NVIDIA Container Toolkit alone.
# An image for machines without a GPU, a fraction of the size:
#   docker build -t quipu:cpu --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu .
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ARG TORCH_INDEX=https://pypi.org/simple
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1
RUN python -m venv /opt/quipu
WORKDIR /source
# In layers by how often they change: torch, the other packages, Quipu itself.
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/quipu/bin/pip install --index-url "${TORCH_INDEX}" "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml LICENSE README.md ./
RUN --mount=type=cache,target=/root/.cache/pip \
    mkdir bot adapters storage && touch bot/__init__.py \
    && /opt/quipu/bin/pip install -c constraints.txt ".[discord,slack,quantisation,peft,endpoint,postgresql]" \
    && /opt/quipu/bin/pip uninstall --yes quipu
COPY adapters adapters
COPY bot bot
COPY storage storage
RUN /opt/quipu/bin/pip install --no-deps --no-cache-dir . \
    && /opt/quipu/bin/python -m compileall -q /opt/quipu/lib

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Quipu" \
      org.opencontainers.image.licenses="Apache-2.0"
# uid 10001: a fixed number, so that the owner of a mounted volume can be set from outside.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin quipu \
    && install --directory --owner=quipu --group=quipu /data
COPY --from=build /opt/quipu /opt/quipu
# The database, the models and the heartbeat live in /data; with a tmpfs on /tmp nothing else is
# written, so the root may be read-only.
ENV PATH=/opt/quipu/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    QUIPU_DATA__FOLDER=/data \
    HF_HOME=/data/models \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
# The first start may download a model, which takes as long as it takes.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30m --retries=3 CMD ["quipu", "health"]
ENTRYPOINT ["quipu"]
CMD ["run"]
