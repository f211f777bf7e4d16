"""A romanad in memory, as far as endpoints, tenants and segments go, and only what tests of the drivers' logic need."""

import dataclasses

from networking_romana.client import ApiError, Endpoint, Tenant
from networking_romana.endpoints import Endpoints
from networking_romana.plug import plug_in
from networking_romana.segments import Segments
from networking_romana.tenants import Tenants


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
        self.most_codes = 16
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
        segments = self.tenant_segments[tenant]
        codes = spec.get("codes", [str(len(segments))])
        if segments.get(spec["name"], spec).get("externalId") != spec["externalId"]:
            raise problem(409, "conflict", noun="segment", name=spec["name"])
        if codes and sum(bool(segment["codes"]) for segment in segments.values()) >= self.most_codes:
            raise problem(507, "pool-exhausted")
        made = {"tenant": tenant, "revision": self._next(), **spec, "codes": codes}
        return segments.setdefault(spec["name"], made)

    def change_segment(self, tenant, before, fields):
        self._call("change_segment", tenant, before["name"])
        if self.tenant_segments[tenant][before["name"]]["revision"] != before["revision"]:
            raise problem(412, "revision-mismatch")
        self.tenant_segments[tenant][before["name"]] = {**before, **fields, "revision": self._next()}
        return self.tenant_segments[tenant][before["name"]]

    def delete_segment(self, tenant, name):
        self._call("delete_segment", tenant, name)
        if any(name in (e.segment, e.acts_as) for e, _ in self.held.values()):
            raise problem(409, "in-use")
        self.tenant_segments[tenant].pop(name)

    def segments(self, tenant):
        self._call("segments", tenant)
        return list(self.tenant_segments[tenant].values())

    def segment(self, tenant, name):
        self._call("segment", tenant, name)
        return self.tenant_segments[tenant].get(name)

    def segment_with(self, tenant, external_id):
        self._call("segment_with", tenant, external_id)
        if tenant not in self.tenants:
            raise problem(404, "not-found", noun="tenant", name=tenant)
        segments = self.tenant_segments[tenant].values()
        return next((s for s in segments if s.get("externalId") == external_id), None)

    def act_as(self, address, segment):
        self._call("act_as", address, segment)
        endpoint, token = self.held[address]
        if segment is not None and segment not in self.tenant_segments[endpoint.tenant]:
            raise problem(404, "not-found", noun="segment", name=segment)
        self.held[address] = (dataclasses.replace(endpoint, acts_as=segment, revision=self._next()), token)
        return self.held[address][0]

    def plug(self, address, plug):
        self._call("plug", address)
        endpoint, token = self.held[address]
        self.held[address] = (dataclasses.replace(endpoint, plug=plug, revision=self._next()), token)
        return self.held[address][0]

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
            plug_in(request),
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


def endpoints_of(client, when_unsure):
    tenants = Tenants(client)
    return Endpoints(client, tenants, Segments(client, tenants, lambda: None), when_unsure)
