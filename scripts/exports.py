"""schemas/json: what every fact looks like, as JSON Schema for those who do not read Python."""

import json

from schemas.events import SCHEMA_PREFIX, Event, ImageState, every_event


def event_schemas() -> dict[str, str]:
    """Return a JSON Schema for the data of each fact, and of an image as it is, by the file it goes to."""
    return {
        f"schemas/json/{kind.type()}.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": SCHEMA_PREFIX + kind.type(),
                **kind.model_json_schema(mode="serialization"),
            },
            indent=2,
        )
        + "\n"
        for kind in _kinds()
    }


def _kinds() -> list[type[Event] | type[ImageState]]:
    return [*every_event(), ImageState]
