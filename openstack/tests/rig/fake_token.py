"""Paste filter for tests: a token ``user:project:project-name:role,role`` becomes the headers of Keystone."""

import webob.dec
from oslo_middleware import base


class FakeToken(base.ConfigurableMiddleware):
    """Believes whatever the token says."""

    @webob.dec.wsgify
    def __call__(self, request):
        """Adds the headers and goes on."""
        token = request.headers.get("X-Auth-Token")
        if token:
            user, project, name, roles = token.split(":")
            request.headers.update(
                {
                    "X-User-Id": user,
                    "X-Project-Id": project,
                    "X-Project-Name": name,
                    "X-Roles": roles,
                    "X-Identity-Status": "Confirmed",
                }
            )
        return request.get_response(self.application)
