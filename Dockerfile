# Two stages: what builds needs pip and the sources, what runs needs neither. The image holds one virtual environment
# and runs as an ordinary user on a read-only file system; only the data folder and /tmp are written to. Google's client
# brings 110 MB of documents about all of Google's services: those of its calendar and its mail stay.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/greenroom
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/greenroom/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY service service
COPY integrations integrations
COPY workers workers
COPY bench bench
RUN /opt/greenroom/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
 && find /opt/greenroom -path '*/discovery_cache/documents/*' ! -name calendar.v3.json ! -name gmail.v1.json -delete \
 && /opt/greenroom/bin/python -m pip uninstall --yes pip

FROM python:3.11-slim-bookworm
RUN useradd --no-log-init --uid 10001 --no-create-home --home-dir /var/lib/greenroom --shell /usr/sbin/nologin greenroom \
 && install --directory --owner greenroom --mode 0700 /var/lib/greenroom
COPY --from=build /opt/greenroom /opt/greenroom
ENV PATH=/opt/greenroom/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GREENROOM_DATA_DIR=/var/lib/greenroom \
    GREENROOM_BIND=0.0.0.0
USER 10001
VOLUME /var/lib/greenroom
EXPOSE 8000
# Live, not ready: a database that restarts is no reason to end the web server that says so.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
ENTRYPOINT ["greenroom"]
CMD ["up"]
