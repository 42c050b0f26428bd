"""/v2/tasks, and /v2/images/{id}/tasks: the work that bytes are brought with."""

from typing import Any

from aiohttp import web

from glimpse.errors import Invalid
from schemas.vocabulary import TaskType
from services.api import answers, bodies, links, task_filters, versions, view
from services.api.actions import tasks
from services.api.errors import Refused
from services.api.routing import Call

MEMBERS = frozenset({"type", "input"})


async def list_of_image(call: Call) -> web.Response:
    """Show the work on one image (section 19)."""
    bodies.refuse(call.request)
    found = await tasks.list_of_image(call.ports, call.caller, call.names["image_id"])
    return answers.json({"tasks": [view.task_of_image(call.ports, each) for each in found]})


async def list_tasks(call: Call) -> web.Response:
    """List a page of tasks (IMG-581)."""
    tasks.require_access(call.ports, call.caller)
    query = links.query_of(call.request)
    page = await tasks.page(call.ports, call.caller, task_filters.wanted(query, call.ports.settings.api))
    content = {
        "tasks": [view.task_stub(each) for each in page.tasks],
        "first": links.page("/v2/tasks", query, None),
        "schema": "/v2/schemas/tasks",
    }
    if page.last is not None:
        content["next"] = links.page("/v2/tasks", query, page.last)
    return answers.json(content)


async def create(call: Call) -> web.Response:
    """Ask for work (IMG-580)."""
    tasks.require_access(call.ports, call.caller)
    kind, given = _asked(await bodies.read_object(call.request, call.ports.settings.api.max_json_bytes))
    task = await tasks.create(call.ports, call.caller, kind, given)
    location = f"{versions.base_of(call.request, call.ports.settings)}/v2/tasks/{task.id}"
    return answers.json(view.task(call.ports, task), 201, {"Location": location})


async def show(call: Call) -> web.Response:
    """Show one task (IMG-583)."""
    tasks.require_access(call.ports, call.caller)
    bodies.refuse(call.request)
    return answers.json(view.task(call.ports, await tasks.show(call.ports, call.caller, call.names["task_id"])))


async def delete(call: Call) -> web.Response:
    """Say that tasks go by themselves (IMG-584)."""
    tasks.require_access(call.ports, call.caller)
    bodies.refuse(call.request)
    raise Refused(405, "Tasks are not deleted: one that has ended goes by itself when it expires.", {"Allow": "GET"})


def _asked(body: dict[str, Any]) -> tuple[TaskType, dict[str, Any] | None]:
    """Return type and input of a new task. Raises Invalid (IMG-587)."""
    if body.keys() != MEMBERS:
        raise Invalid("a task is made of its type and its input, and of nothing else")
    kind, given = body["type"], body["input"]
    if kind not in list(TaskType):
        raise Invalid(f"the type of a task is {', '.join(TaskType)}, not {kind!r}")
    if given is not None and not isinstance(given, dict):
        raise Invalid("the input of a task is an object, or null")
    return TaskType(kind), given
