"""docs/events.md: what subscribers are told and promised, with every fact of `schemas/events.py`."""

from collections.abc import Iterator
from pathlib import Path

from glimpse import settings
from glimpse.bus import topics
from glimpse.bus.envelope import SEQUENCE_DIGITS
from glimpse.bus.positions import JUMP
from schemas.events import Event, ImageActivated, ImageState, every_event

EVENTS, STATE = topics.events(settings.Bus()), topics.state(settings.Bus())

EXAMPLE = Path(__file__).parents[1] / "schemas/examples" / ImageActivated.type() / "first_bytes.json"

BEGINNING = f"""\
# Events

Made by `make schemas` from `schemas/events.py`, `schemas/metadef_events.py` and `scripts/events.py`; do not edit it by
hand.

Everything that happens to an image, and to the catalogue of metadata definitions, is told as an event, in the
transaction that makes it true. Events are [CloudEvents 1.0](https://cloudevents.io), and each has a position in one
log.

## What you can rely on

- **Nothing is lost, and nothing is told that did not happen.** What was committed is told at least once, never before
  its commit; what was rolled back is not told.
- **In order.** All events about one subject are told in the order in which it changed.
- **Positions are dense.** Whoever has seen 7 and 9 knows that 8 is missing. There is one exception: after a failover to
  a database that had not got the last commits, positions jump by {JUMP:,}, so that none is ever given twice.
- **Ids stay.** What is told again, or replayed, has the same `id` and the same `sequence`.
- **Types only grow.** A new optional member may appear in `data` at any time, and a new type: ignore what you do not
  know. What would break a reader is a new version of the type (`.v2`).
- **No secrets.** No credentials and no location of bytes are in any event.
- **Kept for a while.** The log can be read again from any position for `bus.keep_days` (14 days unless set otherwise).

## The envelope

| attribute | what it is |
|---|---|
| `id` | a UUID of version 7, made in the transaction that tells it |
| `source` | `//glimpse/` and the name of the deployment, `bus.deployment` |
| `type` | `io.glimpse.`, the fact, and the version of its data: `io.glimpse.image.activated.v1` |
| `subject` | the id of the image; of metadata definitions, the name of the namespace; of quotas, the project |
| `time` | when it was told, by the database's clock |
| `dataschema` | the `$id` of its JSON Schema in [schemas/json](../schemas/json) |
| `partitionkey` | what it is kept in order by: the subject |
| `sequence` | its position, in {SEQUENCE_DIGITS} digits, so that positions sort as text |
| `imageversion` | how many times the image had changed then; not there when nothing changed |
| `authtype`, `authid` | `user` and who did it; `system` and the service that did it by itself; or `unauthenticated` |
| `project` | the project that the user acted for |
| `service` | the service that told it |
| `requestid` | the request that it follows from, as in the answer's `X-Openstack-Request-Id` |
| `traceparent` | the trace that it belongs to |
| `abridged` | `true` in Kafka when members of the data are missing, see below |

What is unknown is left out. `data` is a JSON object, always there. One event, whole:

```json
{EXAMPLE.read_text().strip()}
```

There is at least one of each type in [schemas/examples](../schemas/examples).

## Handle each once

Keep the highest `sequence` you have handled beside your own data, and move it in the transaction of your effect. Drop
what is not higher. Readers that split the stream keep one for each part. Who only cares for the latest state of each
image can keep its `imageversion` instead, and drop what is not higher; an event without one changed nothing of it.

## See them

```sh
glimpse events tail                            # every event that is kept, then each new one, until Ctrl-C
glimpse events tail --from 1000 --no-follow    # from a position to the end
glimpse events tail --image ID --json          # one image; one CloudEvent on each line
glimpse events replay --from 1000 --topic new  # what is kept from there on, told once more to a topic of its own
```

These read the database that the settings name.

## In Kafka

With `bus.kafka_bootstrap` set, everything is published to [Apache Kafka](https://kafka.apache.org), too, within tens of
milliseconds of its commit. [schemas/asyncapi.yaml](../schemas/asyncapi.yaml) says the same to programs.

| topic | cleanup | holds |
|---|---|---|
| `{EVENTS.name}` | delete, after `bus.kafka_keep_days` | every fact |
| `{STATE.name}` | compact | each image as it is now; null once it is gone for good |
| `{EVENTS.name}.<group>.dlq` | delete, after `bus.dead_letter_days` | what a group of ours could not read |

- **Key.** The subject, as text. All about one image is in one partition.
- **Binary mode.** Attributes are headers with `ce_` before their names, `content-type` is `application/json`, and the
  value is `data` alone. With `bus.kafka_mode = "structured"` the value is the whole CloudEvent as JSON. A value of the
  events topic is never null.
- **Repeats.** After a failure of ours or of Kafka's, some messages come again, with the same `id` and `sequence`.
  Within a partition, no event is ever there before one that it must follow. So this is enough:

```
in one transaction of your own database:
    raise the mark that you keep for this partition to ce_sequence, unless it is there already
    when it was lower: your effect
then: commit the offset
```

- **State.** A message of the state topic has the `type` `{ImageState.type()}`, the `imageversion`, the
  `sequence` up to which it is true, and `data.image` as in the events. Read it from the beginning to know every image,
  then go on; drop what has no higher `imageversion` than you have.
- **Large ones.** What is larger than the topic takes (`max.message.bytes`) loses the largest members of its data, such
  as properties and tags, until it fits, and says `abridged`. The API has the rest.

```sh
kafka-console-consumer.sh --bootstrap-server HOST:9092 --topic {EVENTS.name} \\
    --from-beginning --property print.key=true --property print.headers=true
```

## For operators

Our own services read in groups, one for each service. `glimpse events groups` shows how far each is. Events are kept
until every group has read them, however old they are; `glimpse events forget GROUP` is for a group that nobody will
read for again. An event that a group can not handle is put aside with the reason, and kept for `bus.dead_letter_days`:
`glimpse events dlq list` shows them, `glimpse events dlq retry ID` has one tried again, `glimpse events dlq drop ID`
lets it go. A group that has put `bus.dead_letter_limit` aside stops rather than lose more, and its service with it.

**Kafka** may be switched on at any time: what the log still has is published from its beginning, how every image is
then is published once, and our own groups go on in Kafka from where they were in the log. While it is away, requests
are answered, the log grows, and a warning comes once a minute; `glimpse events groups` shows in the row `kafka` how
much waits, and of each group how far it is in each partition. Topics that are missing are made; of those that are set
up otherwise the log says how. The number of partitions is for ever. Only Glimpse should be allowed to write to its
topics, and two deployments that share a Kafka need two `bus.kafka_topic_prefix`.

`glimpse events forget kafka-state` has the state topic told of every image anew, should it have lost something. What
our own groups could not read in Kafka is shown by `glimpse events dlq unreadable GROUP`, and dropped with `--drop`.
After Kafka was switched off for good, `glimpse events forget kafka` lets the log go that is kept for it.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    return "\n".join([BEGINNING, "## Every fact", "", *_table(), ""])


def _table() -> Iterator[str]:
    yield "| type | what it says | data |"
    yield "|---|---|---|"
    for kind in every_event():
        members = ", ".join(f"`{name}`" for name, field in kind.model_fields.items() if not field.exclude)
        yield f"| `{kind.type()}` | {_meaning(kind)} | {members} |"


def _meaning(kind: type[Event]) -> str:
    return " ".join((kind.__doc__ or "").split())
