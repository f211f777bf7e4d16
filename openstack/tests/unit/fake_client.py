"""A romanad in memory, as far as endpoints, tenants and segments go, and only what tests of the drivers' logic need."""

from networking_romana.client import ApiError, Endpoint, Tenant


def problem(status, code, **data):
    return ApiError(status, {"code": code, "detail": f"Cannot do it: {code}", **data})


def json_of(endpoint):
    return {
        "network": endpoint.network,
        "host": endpoint.host,
        "tenant": endpoint.tenant,
        "segment": endpoint.segment,
        "addresses": {"ipv4": endpoint.addresses[0], "ipv6": endpoint.addresses[1]},
        "externalId": endpoint.external_id,
    }


class FakeClient:
    def __init__(self):
        self.calls = []
        self.held = {}
        self.tenants = {}
        self.tenant_segments = {}
        self.fail = None
        self.revision = 0

    def _call(self, name, *words):
        self.calls.append((name, *words))
        if self.fail is not None:
            raise self.fail

    def tenants_of(self, external_id):
        self._call("tenants_of", external_id)
        return [t for t in self.tenants.values() if t.external_id == external_id]

    def create_tenant(self, spec):
        self._call("create_tenant", spec["name"])
        tenant = Tenant(spec["name"], spec["externalId"], spec["labels"], self._next())
        self.tenants[tenant.name] = tenant
        self.tenant_segments[tenant.name] = {}
        return tenant

    def create_segment(self, tenant, spec):
        self._call("create_segment", tenant, spec["name"])
        self.tenant_segments[tenant][spec["name"]] = spec

    def allocate(self, request):
        self._call("allocate", request["requestToken"])
        for endpoint, token in self.held.values():
            if token == request["requestToken"]:
                if endpoint.segment != request["segment"]:
                    raise problem(409, "conflict", noun="endpoint", existing=json_of(endpoint))
                return endpoint, False
        if request["tenant"] not in self.tenants:
            raise problem(404, "not-found", noun="tenant", name=request["tenant"])
        if request["segment"] not in self.tenant_segments[request["tenant"]]:
            raise problem(404, "not-found", noun="segment", name=request["segment"])
        number = self._next()
        address = request.get("address", f"10.0.0.{number}")
        endpoint = Endpoint(
            request["network"],
            request["host"],
            request["tenant"],
            request["segment"],
            (address, f"fd00::{number}"),
            request["externalId"],
            None,
            number,
        )
        self.held[address] = (endpoint, request["requestToken"])
        return endpoint, True

    def endpoint(self, address):
        self._call("endpoint", address)
        return next((e for e, _ in self.held.values() if address in e.addresses), None)

    def release(self, endpoint):
        self._call("release", endpoint.addresses[0])
        found = self.endpoint(endpoint.addresses[0])
        if found is None:
            return True
        if found.revision != endpoint.revision:
            return False
        del self.held[endpoint.addresses[0]]
        return True

    def _next(self):
        self.revision += 1
        return self.revision
