"""The way of one request: version, request id, caller, route, handler; and its answer, with one line in the log."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from aiohttp import web

from glimpse.errors import GlimpseError, HeaderTooLarge, NotFound
from glimpse.settings import Settings
from services.api import answers, bodies, errors, identity, routing, versions
from services.api.errors import Refused
from services.api.ports import Ports
from services.api.routing import Call, Router

log = structlog.get_logger()

REQUEST_ID = "x-openstack-request-id"
WWW_AUTHENTICATE = 'Keystone uri="{uri}"'


@dataclass
class Door:
    """What every request enters through."""

    ports: Ports
    router: Router
    own: Mapping[str, Any]
    """What answers on first segments of our own, without asking who is there (IMG-727)."""

    def change(self, settings: Settings) -> None:
        """Serve requests that come from now on with other settings; those under way keep what they began with."""
        self.ports = replace(self.ports, settings=settings)

    async def open(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whatever happens to it."""
        began = time.perf_counter()
        try:
            answer = await self._answered(request)
        except ConnectionError:
            self._write_down(request, began, status=None)
            raise
        if bodies.waits_for_leave(request):
            answer.force_close()  # whether its body follows all the same, nobody knows
        self._write_down(
            request, began, status=answer.status, bytes=answer.body_length, request_id=answer.headers.get(REQUEST_ID)
        )
        return answer

    def _write_down(self, request: web.BaseRequest, began: float, **facts: Any) -> None:
        """Write one line for a request; the status of one that broke off is null."""
        if self.ports.settings.api.access_log:
            log.info(
                "request",
                method=request.method,
                path=request.rel_url.raw_path,
                ms=round((time.perf_counter() - began) * 1000, 2),
                remote=request.remote,
                **facts,
            )

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "OPTIONS":  # the CORS step of every deployment answers these (AC-72)
            return web.Response(status=200)
        first = request.rel_url.raw_path.lstrip("/").partition("/")[0]
        if first in self.own:
            handler = self.own[first]
            own: web.StreamResponse = await handler(request, self.ports)
            return own
        try:
            segments = versions.negotiated(request, self.ports.settings)
        except GlimpseError as error:
            return self._refusal(request, None, errors.status_of(error), error.message)
        if segments is None:
            return versions.document(request, self.ports.settings)
        return await self._below_the_version(request, segments)

    async def _below_the_version(self, request: web.BaseRequest, segments: list[str]) -> web.StreamResponse:
        request_id = None
        try:
            request_id = self._request_id(request)
            caller = self.ports.policy.known(identity.identify(request, request_id, self.ports.settings.auth))
            found = self._routed(request, segments)
            if isinstance(found, web.StreamResponse):
                answer = found
            else:
                handler, names = found
                answer = await handler(Call(request, self.ports, caller, names))
        except Refused as refused:
            return self._refusal(request, request_id, refused.status, refused.message, refused.headers)
        except GlimpseError as error:
            return self._refused(request, request_id, error)
        except Exception as error:
            if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
                raise  # the client went away, or had to be left, while it was answered
            log.exception("request broke", path=request.rel_url.raw_path, request_id=request_id)
            return self._refusal(request, request_id, 500, errors.HIDDEN[500])
        if not answer.prepared:
            answer.headers[REQUEST_ID] = request_id
        return answer

    def _request_id(self, request: web.BaseRequest) -> str:
        given = request.headers.get("X-Openstack-Request-ID")
        longest = self.ports.settings.api.max_request_id_length
        if not given:
            return f"req-{uuid.uuid4()}"
        if longest and len(given) > longest:
            raise HeaderTooLarge(f"the request id has more than {longest} characters: send a shorter one, or none")
        return given if given.startswith("req-") else f"req-{given}"

    def _routed(self, request: web.BaseRequest, segments: list[str]) -> Any:
        if not segments:  # `/v2`, without its slash (IMG-65)
            location = f"{versions.base_of(request, self.ports.settings)}/v2/"
            return web.Response(status=302, headers={"Location": location})
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

    def _refused(self, request: web.BaseRequest, request_id: str | None, error: GlimpseError) -> web.StreamResponse:
        status = errors.status_of(error)
        if status in errors.HIDDEN:
            log.warning("request failed", path=request.rel_url.raw_path, request_id=request_id, reason=error.message)
            return self._refusal(request, request_id, status, errors.HIDDEN[status])
        return self._refusal(request, request_id, status, error.message)

    def _refusal(
        self,
        request: web.BaseRequest,
        request_id: str | None,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        more = dict(headers or {})
        if status == 401:
            more["WWW-Authenticate"] = WWW_AUTHENTICATE.format(uri=self.ports.settings.auth.www_authenticate_uri)
        elif request_id is not None:
            more[REQUEST_ID] = request_id
        if status == 503:
            more["Retry-After"] = "5"
        return answers.refusal(status, message, request.headers.get("Accept"), more)
