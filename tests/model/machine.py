"""Random calls by three projects, somebody who only reads, and an administrator: the service against the model."""

import http.client
import json
import uuid
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.cloud import Caller, Cloud, outcome

PROJECTS = ("p1", "p2", "p3")
CALLERS = (
    *(Caller(project, frozenset({"member", "reader"})) for project in PROJECTS),
    Caller("p1", frozenset({"reader"})),
    Caller("admins", frozenset({"admin", "member", "reader"})),
)
PAGE = 3
FORMATS = {"disk_format": "raw", "container_format": "bare"}
PATCH = "application/openstack-images-v2.1-json-patch"

callers = st.sampled_from(CALLERS)
askers = st.one_of(st.just(None), st.just(None), callers)
"""Who asks for an image: its owner as often as not."""
images = st.integers(0, 19)
"""An image: most often one that is there, the newest first; else one that was, or that never was."""
projects = st.sampled_from(PROJECTS)
members = st.integers(0, 8)
"""A project with which the image is shared, most often; or any."""
names = st.sampled_from(["one", "two", "größe", "", None])
visibilities = st.sampled_from(["public", "community", "shared", "private"])
tags = st.sampled_from(["lts", "a b", "ünï", "x"])
colors = st.sampled_from(["red", "blue", ""])
operations = st.one_of(
    st.tuples(st.just("replace"), st.just("name"), names),
    st.tuples(st.just("replace"), st.just("visibility"), visibilities),
    st.tuples(st.just("replace"), st.just("protected"), st.booleans()),
    st.tuples(st.just("add"), st.just("os_hidden"), st.booleans()),
    st.tuples(st.just("replace"), st.sampled_from(["disk_format", "container_format"]), st.sampled_from(["ami", None])),
    st.tuples(st.just("replace"), st.just("min_ram"), st.integers(0, 3)),
    st.tuples(st.just("replace"), st.just("tags"), st.lists(tags, max_size=3)),
    st.tuples(st.just("replace"), st.just("owner"), projects),
    st.tuples(st.sampled_from(["add", "replace", "remove"]), st.sampled_from(["color", "note"]), colors),
    st.tuples(st.just("replace"), st.just("status"), st.just("active")),
)
asked_of_lists = st.fixed_dictionaries(
    {},
    optional={
        "visibility": st.one_of(visibilities, st.just("all")),
        "member_status": st.sampled_from(["pending", "accepted", "rejected", "all"]),
        "os_hidden": st.sampled_from(["true", "false"]),
        "name": st.sampled_from(["one", "größe"]),
        "status": st.sampled_from(["queued", "active", "deactivated"]),
        "tag": tags,
        "color": st.sampled_from(["red", "blue"]),
    },
)
new_images = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "visibility": visibilities,
        "protected": st.booleans(),
        "os_hidden": st.booleans(),
        "min_ram": st.integers(0, 3),
        "tags": st.lists(tags, max_size=3),
        "owner": projects,
        "color": colors,
    },
)


class Machine(RuleBasedStateMachine):
    """One cloud, from empty to empty."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.cloud = Cloud()
        self.ids: list[str] = []
        self.never = str(uuid.uuid4())
        self.connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)

    @initialize(visible=st.lists(visibilities, min_size=3, max_size=3))
    def begin(self, visible: list[str]) -> None:
        for caller, visibility in zip(CALLERS, visible, strict=False):
            self.create_image(caller, {"visibility": visibility, **FORMATS})
        for image_id in self.ids[:2]:
            self.send(self.who(None, image_id), image_id, b"of the beginning")
            self.share(self.who(None, image_id), image_id, "p3")

    @rule(
        caller=callers,
        asked=new_images,
        formats=st.sampled_from([FORMATS, FORMATS, {}]),
        again=st.one_of(st.none(), st.none(), st.none(), images),
    )
    def create(self, caller: Caller, asked: dict[str, Any], formats: dict[str, str], again: int | None) -> None:
        known = {} if again is None or (image_id := self.at(again)) == self.never else {"id": image_id}
        self.create_image(caller, asked | formats | known)

    def create_image(self, caller: Caller, asked: dict[str, Any]) -> None:
        body = {"id": str(uuid.uuid4()), **asked}
        refused, image = outcome(lambda: self.cloud.create(caller, body))
        status, said = self.ask(caller, "POST", "/v2/images", body)
        assert status == (refused or 201), (status, said)
        if image is not None:
            self.ids.append(image.id)
            assert_shows(said, image.document())

    @rule(caller=askers, image=images)
    def show(self, caller: Caller | None, image: int) -> None:
        image_id = self.at(image)
        caller = self.who(caller, image_id)
        refused, shown = outcome(lambda: self.cloud.show(caller, image_id))
        status, said = self.ask(caller, "GET", f"/v2/images/{image_id}")
        assert status == (refused or 200), (status, said)
        if shown is not None:
            assert_shows(said, shown.document())

    @rule(caller=callers, asked=asked_of_lists)
    def list_images(self, caller: Caller, asked: dict[str, str]) -> None:
        path: str | None = f"/v2/images?{urlencode({**asked, 'limit': PAGE})}"
        found: list[str] = []
        while path is not None:
            status, said = self.ask(caller, "GET", path)
            assert status == 200, (status, said)
            assert len(said["images"]) <= PAGE
            found += [each["id"] for each in said["images"]]
            path = said.get("next")
        assert found == self.cloud.list_images(caller, asked)

    @rule(caller=askers, image=images, asked=st.lists(operations, max_size=3))
    def patch(self, caller: Caller | None, image: int, asked: list[tuple[str, str, Any]]) -> None:
        image_id = self.at(image)
        caller = self.who(caller, image_id)
        refused, changed = outcome(lambda: self.cloud.patch(caller, image_id, asked))
        body = [
            {"op": op, "path": f"/{name}"} | ({} if op == "remove" else {"value": value}) for op, name, value in asked
        ]
        status, said = self.ask(caller, "PATCH", f"/v2/images/{image_id}", body, PATCH)
        assert status == (refused or 200), (status, said)
        if changed is not None:
            assert_shows(said, changed.document())

    @precondition(lambda self: len(self.cloud.images) > 3)
    @rule(caller=askers, image=images)
    def delete(self, caller: Caller | None, image: int) -> None:
        image_id = self.at(image)
        caller = self.who(caller, image_id)
        refused, _ = outcome(lambda: self.cloud.delete(caller, image_id))
        self.agree(refused or 204, caller, "DELETE", f"/v2/images/{image_id}")

    @rule(caller=askers, image=images, content=st.binary(max_size=40))
    def upload(self, caller: Caller | None, image: int, content: bytes) -> None:
        image_id = self.at(image)
        self.send(self.who(caller, image_id), image_id, content)

    def send(self, caller: Caller, image_id: str, content: bytes) -> None:
        refused, _ = outcome(lambda: self.cloud.upload(caller, image_id, content))
        self.agree(refused or 204, caller, "PUT", f"/v2/images/{image_id}/file", content)

    @rule(caller=askers, image=images)
    def download(self, caller: Caller | None, image: int) -> None:
        image_id = self.at(image)
        caller = self.who(caller, image_id)
        refused, content = outcome(lambda: self.cloud.download(caller, image_id))
        status, said = self.ask(caller, "GET", f"/v2/images/{image_id}/file")
        assert status == (refused or (204 if content is None else 200)), (status, said)
        if status == 200:
            assert said == content

    @rule(caller=askers, image=images, action=st.sampled_from(["deactivate", "reactivate"]))
    def act(self, caller: Caller | None, image: int, action: str) -> None:
        image_id, after = self.at(image), "deactivated" if action == "deactivate" else "active"
        caller = self.who(caller, image_id)
        refused, _ = outcome(lambda: self.cloud.set_active(caller, image_id, after))
        self.agree(refused or 204, caller, "POST", f"/v2/images/{image_id}/actions/{action}")

    @rule(caller=askers, image=images, tag=tags, method=st.sampled_from(["PUT", "DELETE"]))
    def tag(self, caller: Caller | None, image: int, tag: str, method: str) -> None:
        image_id, change = self.at(image), self.cloud.tag if method == "PUT" else self.cloud.untag
        caller = self.who(caller, image_id)
        refused, _ = outcome(lambda: change(caller, image_id, tag))
        self.agree(refused or 204, caller, method, f"/v2/images/{image_id}/tags/{quote(tag)}")

    @rule(caller=askers, image=images, project=projects)
    def add_member(self, caller: Caller | None, image: int, project: str) -> None:
        image_id = self.at(image)
        self.share(self.who(caller, image_id), image_id, project)

    def share(self, caller: Caller, image_id: str, project: str) -> None:
        refused, member = outcome(lambda: self.cloud.add_member(caller, image_id, project))
        self.agree(refused or 200, caller, "POST", f"/v2/images/{image_id}/members", {"member": project}, member)

    @rule(caller=askers, image=images)
    def list_members(self, caller: Caller | None, image: int) -> None:
        image_id = self.at(image)
        caller = self.who(caller, image_id)
        refused, members = outcome(lambda: self.cloud.list_members(caller, image_id))
        status, said = self.ask(caller, "GET", f"/v2/images/{image_id}/members")
        assert status == (refused or 200), (status, said)
        if members is not None:
            assert {each["member_id"]: each["status"] for each in said["members"]} == members

    @rule(caller=askers, image=images, member=members)
    def show_member(self, caller: Caller | None, image: int, member: int) -> None:
        image_id = self.at(image)
        caller, project = self.who(caller, image_id), self.member(image_id, member)
        refused, shown = outcome(lambda: self.cloud.show_member(caller, image_id, project))
        self.agree(refused or 200, caller, "GET", f"/v2/images/{image_id}/members/{project}", None, shown)

    @rule(caller=askers, image=images, member=members, answer=st.sampled_from(["pending", "accepted", "rejected"]))
    def answer(self, caller: Caller | None, image: int, member: int, answer: str) -> None:
        image_id = self.at(image)
        project = self.member(image_id, member)
        caller = caller or next(each for each in CALLERS if each.project == project)
        refused, shown = outcome(lambda: self.cloud.answer(caller, image_id, project, answer))
        path = f"/v2/images/{image_id}/members/{project}"
        self.agree(refused or 200, caller, "PUT", path, {"status": answer}, shown)

    @rule(caller=askers, image=images, member=members)
    def remove_member(self, caller: Caller | None, image: int, member: int) -> None:
        image_id = self.at(image)
        caller, project = self.who(caller, image_id), self.member(image_id, member)
        refused, _ = outcome(lambda: self.cloud.remove_member(caller, image_id, project))
        self.agree(refused or 204, caller, "DELETE", f"/v2/images/{image_id}/members/{project}")

    def teardown(self) -> None:
        """Leave nothing that the next cloud would list."""
        admin = CALLERS[-1]
        for image_id in self.ids:
            self.ask(admin, "PATCH", f"/v2/images/{image_id}", UNPROTECT, PATCH)
            self.ask(admin, "DELETE", f"/v2/images/{image_id}")
        assert self.ask(admin, "GET", "/v2/images?visibility=all")[1]["images"] == []
        self.connection.close()

    def at(self, number: int) -> str:
        """Return the id of an image that is there, that was (17, 18), or that never was (19)."""
        known = list(self.cloud.images) if number < 17 else self.ids
        return self.never if number == 19 or not known else known[-1 - number % len(known)]

    def who(self, caller: Caller | None, image_id: str) -> Caller:
        """Return who asks: whoever was named, or the owner of the image."""
        image = self.cloud.images.get(image_id)
        mine = (each for each in CALLERS if image is not None and each.project == image.owner)
        return caller or next(mine, CALLERS[0])

    def member(self, image_id: str, number: int) -> str:
        """Return a project with which an image is shared, most often; or any."""
        image = self.cloud.images.get(image_id)
        known = list(image.members) if image is not None and number < 6 else []
        return (known or PROJECTS)[number % len(known or PROJECTS)]

    def agree(
        self,
        expected: int,
        caller: Caller,
        method: str,
        path: str,
        body: Any = None,
        shows: dict[str, Any] | None = None,
    ) -> None:
        """Ask, and compare the status, and of a success what it must show."""
        status, said = self.ask(caller, method, path, body)
        assert status == expected, (status, said)
        if shows is not None:
            assert_shows(said, shows)

    def ask(self, caller: Caller, method: str, path: str, body: Any = None, content_type: str | None = None) -> Any:
        """Make one call; returns its status and what it brought: JSON read, other bytes as they are."""
        content = json.dumps(body).encode() if isinstance(body, dict | list) else body
        kind = content_type or ("application/octet-stream" if isinstance(body, bytes) else "application/json")
        headers = {"Content-Type": kind} if content is not None else {}
        self.connection.request(method, path, content, {**headers, **headers_of(caller)})
        answer = self.connection.getresponse()
        said = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(said) if is_json else said


UNPROTECT = [{"op": "replace", "path": "/protected", "value": False}]


def headers_of(caller: Caller) -> dict[str, str]:
    """Return the headers by which a trusted proxy tells who asks (AC-40)."""
    return {
        "X-Identity-Status": "Confirmed",
        "X-User-Id": f"user of {caller.project}",
        "X-Project-Id": caller.project,
        "X-Roles": ",".join(sorted(caller.roles)),
    }


def assert_shows(said: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare what the model knows of; and custom properties must be these and no others."""
    found = {name: set(said[name]) if name == "tags" else said[name] for name in expected}
    assert found == expected
    assert ("color" in said, "note" in said) == ("color" in expected, "note" in expected)
