# Glimpse: `--target glimpse` for the API and the scrubber, `--target importer` adds qemu-img and its sandbox.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/glimpse
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/glimpse/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY glimpse glimpse
COPY services services
RUN /opt/glimpse/bin/pip install --no-cache-dir --no-build-isolation --no-deps .

FROM python:3.13-slim AS glimpse
RUN useradd --system --uid 10001 --home-dir /var/lib/glimpse --create-home glimpse
COPY --from=build /opt/glimpse /opt/glimpse
ENV PATH=/opt/glimpse/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
EXPOSE 9292
ENTRYPOINT ["glimpse"]
CMD ["api"]

FROM glimpse AS importer
USER root
RUN apt-get update \
    && apt-get install --yes --no-install-recommends qemu-utils bubblewrap \
    && rm -rf /var/lib/apt/lists/*
USER 10001
CMD ["importer"]
