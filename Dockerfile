# Two images over Debian: web, which is also the worker and the migrations, and pgbouncer.
# docs/deployment.md says how to build and start them; tests/image does both.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS pgbouncer
RUN apt-get update \
    && apt-get install --yes --no-install-recommends pgbouncer \
    && rm -rf /var/lib/apt/lists/*
USER postgres
EXPOSE 6432
CMD ["/bin/sh", "/etc/pgbouncer/morpheus/start.sh"]

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/morpheus
# Only the lock decides what is installed, so a change of our code leaves this layer as it is.
COPY requirements.*.lock ./
# --build-arg S3=1: with the packages of an object store (MORPHEUS_STORAGE_URL).
ARG S3=
RUN python3 -m venv /srv/venv \
    && /srv/venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: \
        --requirement requirements.production.lock ${S3:+--requirement requirements.s3.lock} \
    && /srv/venv/bin/pip uninstall --quiet --yes pip setuptools
COPY . ./
# Compiled here, because the running container writes nothing beside its code.
RUN MORPHEUS_STATIC=/srv/static /srv/venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /srv/venv/lib /srv/morpheus

FROM ${BASE} AS web
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/morpheus --create-home morpheus \
    && install -d -o morpheus /srv/published
COPY --from=build /srv /srv
WORKDIR /srv/morpheus
ENV MORPHEUS_VAR=/var/lib/morpheus MORPHEUS_STATIC=/srv/static PYTHONDONTWRITEBYTECODE=1
# Uploads and images, unless they are in an object store.
VOLUME /var/lib/morpheus
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/srv/venv/bin/python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["/srv/venv/bin/python", "manage.py"]
CMD ["serve", "--host", "0.0.0.0"]
