# One image for every process of the product. Which one a container is, docker-compose.yml says.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN ["python", "-m", "venv", "/venv"]
# `local` brings PostgreSQL's programs along, for the service that makes backups.
ARG LOCK=runtime
COPY requirements/${LOCK}.lock /tmp/chosen.lock
# Wheels only: nothing is compiled, so nothing of a compiler has to be here.
RUN ["/venv/bin/pip", "install", "--require-hashes", "--only-binary", ":all:", "-r", "/tmp/chosen.lock"]
RUN ["/venv/bin/pip", "uninstall", "--yes", "pip", "setuptools"]

FROM python:3.11-slim-bookworm
# Pango draws the PDFs, harfbuzz-subset makes them small and fast, Noto has the Urdu letters.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        fonts-noto-core libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin app \
    && install -d -o app -g app /data/media /data/anchors /data/erasures \
    && install -d -o 999 -g 999 /backups/first /backups/second
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=smartinvoicing.settings \
    MEDIA_ROOT=/data/media \
    STATIC_ROOT=/app/staticfiles
# The settings want secrets and addresses; these are made up, used once and not kept.
RUN ENVIRONMENT=production \
    SECRET_KEY=made-up-to-collect-static-files-and-thrown-away-with-this-line \
    FIELD_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    DATABASE_URL=postgresql://app:none@127.0.0.1:9/none \
    REDIS_URL=rediss://127.0.0.1:9/0 \
    python manage.py collectstatic --noinput
# The file system is read-only later: no compiled file could be written then.
RUN ["python", "-m", "compileall", "-q", "/app"]
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "deploy.healthy", "web"]
CMD ["python", "-m", "gunicorn", "smartinvoicing.wsgi", "--bind", "0.0.0.0:8000", \
     "--workers", "2", "--worker-class", "gthread", "--threads", "4", "--preload", \
     "--graceful-timeout", "10", "--no-control-socket"]
