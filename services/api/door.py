"""The way of one request: version, request id, caller, route, handler; and its answer, with one line in the log."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from aiohttp import web

from glimpse.errors import GlimpseError, HeaderTooLarge, Invalid, NotFound, Unauthenticated, Unavailable
from glimpse.settings import Settings
from services.api import answers, bodies, compression, cors, errors, forwarded, routing, versions
from services.api.caller import Caller
from services.api.errors import Refused
from services.api.identity import callers
from services.api.ports import Ports
from services.api.routing import Call, Handler, Router
from services.api.versions import Versions

log = structlog.get_logger()

REQUEST_ID = "x-openstack-request-id"
KNOWN_AS = web.RequestKey("request-id", str)
RETRY_SECONDS = "5"
STOPPING = "The service stops, and this took longer than it can wait: send it again."


@dataclass
class Door:
    """What every request enters through."""

    ports: Ports
    router: Router
    versions: Versions
    own: Mapping[str, Any]
    """What answers on first segments of our own, without asking who is there (IMG-727)."""

    def change(self, settings: Settings) -> None:
        """Serve requests that come from now on with other settings; those under way keep what they began with."""
        self.ports = replace(self.ports, settings=settings)

    async def open(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whatever happens to it."""
        began, answer = time.perf_counter(), None
        try:
            answer = await self._answered(request)
            await compression.compress(request, answer, self.ports.settings.api)
            if bodies.must_close(request):
                answer.force_close()
            return answer
        finally:
            self._write_down(request, began, answer)

    def stopping(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request that had to be cut off, because this process ends; whatever it did is given back."""
        known = request.get(KNOWN_AS)
        return self._refusal(request, 503, STOPPING, {REQUEST_ID: known} if known else {})

    def _write_down(self, request: web.BaseRequest, began: float, answer: web.StreamResponse | None) -> None:
        """Write one line for a request; the status of one that broke off, or was cut off, is null."""
        if self.ports.settings.api.access_log:
            facts = {} if answer is None else {"bytes": answer.body_length}
            log.info(
                "request",
                method=request.method,
                path=request.rel_url.raw_path,
                ms=round((time.perf_counter() - began) * 1000, 2),
                remote=forwarded.seen(request, self.ports.settings).client,
                status=None if answer is None else answer.status,
                request_id=request.get(KNOWN_AS),
                **facts,
            )

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        rules = self.ports.settings.cors
        if request.method == "OPTIONS":  # ends here, whatever it is about (AC-72)
            return web.Response(status=200, headers=cors.preflight(request.headers, rules))
        own = self.own.get(request.rel_url.raw_path.lstrip("/").partition("/")[0])
        if own is not None:
            answer: web.StreamResponse = await own(request, self.ports)
            return answer
        carried = cors.fields(request.headers.get("Origin"), rules)
        try:
            _require_text(request)
            segments = self.versions.negotiated(request)
        except GlimpseError as error:
            return self._refusal(request, errors.status_of(error), error.message, carried)
        if segments is None:
            answer = self.versions.document(request, self.ports.settings)
            answer.headers.update(carried)
            return answer
        return await self._below_the_version(request, segments, carried)

    async def _below_the_version(
        self, request: web.BaseRequest, segments: list[str], carried: dict[str, str]
    ) -> web.StreamResponse:
        try:
            request_id = self._request_id(request)
            carried[REQUEST_ID] = request[KNOWN_AS] = request_id
            caller = self.ports.policy.known(await self._caller(request, request_id))
            if not segments:  # `/v2`, without its slash (IMG-65)
                location = f"{versions.base_of(request, self.ports.settings)}/v2/"
                return web.Response(status=302, headers={"Location": location, **carried})
            handler, names = self._routed(request, segments)
            if caller.is_read_only and request.method != "GET" and not _is_left_to_the_rules(segments):
                # text, whatever is accepted (IMG-150)
                return answers.refusal(403, "Read-only access", None, carried)
            answer = await handler(Call(request, self.ports, caller, names, carried))
        except Refused as refused:
            return self._refusal(request, refused.status, refused.message, {**carried, **refused.headers})
        except GlimpseError as error:
            return self._refused(request, error, carried)
        except Exception as error:
            if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
                raise  # the client went away, or had to be left, while it was answered
            log.exception("request broke", path=request.rel_url.raw_path, request_id=carried.get(REQUEST_ID))
            return self._refusal(request, 500, errors.HIDDEN[500], carried)
        if not answer.prepared:
            answer.headers.update(carried)
        return answer

    async def _caller(self, request: web.BaseRequest, request_id: str) -> Caller:
        """Return who asks; where that can not be told, perhaps nobody in particular."""
        try:
            return await self.ports.identity.identify(request, request_id)
        except Unauthenticated:
            if self.ports.settings.auth.allow_anonymous:
                return callers.anonymous(request_id)
            raise

    def _request_id(self, request: web.BaseRequest) -> str:
        given = request.headers.get("X-Openstack-Request-ID")
        longest = self.ports.settings.api.max_request_id_length
        if not given:
            return f"req-{uuid.uuid4()}"
        if longest and len(given) > longest:
            raise HeaderTooLarge(f"the request id has more than {longest} characters: send a shorter one, or none")
        return given if given.startswith("req-") else f"req-{given}"

    def _routed(self, request: web.BaseRequest, segments: list[str]) -> tuple[Handler, dict[str, str]]:
        found = self.router.find(segments)
        if found is None:
            if request.method not in routing.METHODS:
                raise Refused(501, "The server does not know this method.")
            raise NotFound("The resource could not be found.")
        route, names = found
        handler = route.handlers.get(request.method)
        if handler is None:
            if route.allow is None:
                raise NotFound("The resource could not be found.")
            raise Refused(405, f"The method {request.method} is not allowed here.", {"Allow": route.allow})
        return handler, names

    def _refused(self, request: web.BaseRequest, error: GlimpseError, carried: Mapping[str, str]) -> web.StreamResponse:
        status = errors.status_of(error)
        if status not in errors.HIDDEN:
            return self._refusal(request, status, error.message, carried)
        if isinstance(error, Unavailable):
            carried = {**carried, "Retry-After": str(error.retry_seconds)}
        request_id = carried.get(REQUEST_ID)
        log.warning("request failed", path=request.rel_url.raw_path, request_id=request_id, reason=error.message)
        return self._refusal(request, status, errors.HIDDEN[status], carried)

    def _refusal(self, request: web.BaseRequest, status: int, message: str, headers: Mapping[str, str]) -> web.Response:
        told = dict(headers)
        if status == 401:
            told.pop(REQUEST_ID, None)  # it is not known who would want it (IMG-101)
            told["WWW-Authenticate"] = self.ports.identity.challenge
        elif status == 503:
            told.setdefault("Retry-After", RETRY_SECONDS)
        return answers.refusal(status, message, request.headers.get("Accept"), told)


def _is_left_to_the_rules(segments: Sequence[str]) -> bool:
    """Say whether the rules alone decide about a change: in the catalogue, but for new namespaces (MD-22)."""
    return segments[0] == "metadefs" and len(segments) > 2


def _require_text(request: web.BaseRequest) -> None:
    """Raise Invalid for header fields that are not UTF-8: they could be neither kept nor sent back."""
    values = "".join(request.headers.values())
    if not values.isascii() and any("\ud800" <= letter <= "\udfff" for letter in values):
        raise Invalid("a header field has bytes in it that are not UTF-8")
