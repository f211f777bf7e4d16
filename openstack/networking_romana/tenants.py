"""Projects of Neutron as tenants of Romana, and their segments."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Callable

from oslo_log import log as logging

from networking_romana.client import ApiError, Client, Tenant
from networking_romana.errors import RomanaConflict
from networking_romana.port_class import WORD_LABEL

LOG = logging.getLogger(__name__)

PROJECT_NAME = "openstack.org/project-name"
"""Label of a tenant: what its project is called now."""

MADE_BY = "openstack.org/made-by"
"""Label of tenants and segments that are deleted when Neutron needs them no more."""

NEUTRON = "neutron"


class Tenants:
    """Finds, makes, names and removes tenants. The tenant of a project is the one with its ID as external ID."""

    def __init__(self, client: Client) -> None:
        """``client`` talks to romanad."""
        self._client = client
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._project_names: dict[str, str] = {}

    def name_of(self, project_id: str) -> str:
        """The name of a project's tenant, which is made when it is not there."""
        with self._lock:
            known = self._names.get(project_id)
        if known is not None:
            return known
        tenant = self._find(project_id) or self._create(project_id)
        with self._lock:
            self._names[project_id] = tenant.name
        return tenant.name

    def forget(self, project_id: str) -> None:
        """The next call looks again; for a tenant that somebody has deleted."""
        with self._lock:
            self._names.pop(project_id, None)
            self._project_names.pop(project_id, None)

    def keep_name(self, project_id: str, project_name: str) -> None:
        """Writes the name of a project to its tenant, if it has one and says something else."""
        with self._lock:
            if self._project_names.get(project_id) == project_name:
                return
        tenant = self._find(project_id)
        if tenant is None:
            return
        if tenant.labels.get(PROJECT_NAME) != project_name:
            self._client.label_tenant(tenant, {**tenant.labels, PROJECT_NAME: project_name})
        with self._lock:
            self._project_names[project_id] = project_name

    def create_segment(self, tenant: str, name: str) -> None:
        """Makes a segment, if it is not there."""
        try:
            self._client.create_segment(tenant, {"name": name, "labels": {MADE_BY: NEUTRON}})
        except ApiError as error:
            if error.code != "conflict":  # somebody else has made it in his own way
                raise

    def drop_segment(self, project_id: str, name: str) -> None:
        """Deletes the segments of a word that Neutron has made and nothing uses."""
        tenant = self._find(project_id)
        if tenant is not None:
            self._drop_segments(tenant.name, name)

    def drop(self, project_id: str) -> None:
        """Deletes a project's tenant with its segments: those that Neutron has made and nothing uses."""
        self.forget(project_id)
        tenant = self._find(project_id)
        if tenant is None:
            return
        self._drop_segments(tenant.name, None)
        if tenant.labels.get(MADE_BY) == NEUTRON:
            _unless_in_use(self._client.delete_tenant, tenant.name)

    def drop_segments(self, tenant: str) -> None:
        """Deletes all segments of a tenant that Neutron has made and nothing uses."""
        self._drop_segments(tenant, None)

    def drop_segments_labelled(self, key: str) -> None:
        """The same of all tenants, of segments with a label."""
        for segment in self._client.all_segments():
            if key in segment.get("labels", {}):
                self._drop_segment(segment)

    def _drop_segments(self, tenant: str, only: str | None) -> None:
        for segment in self._client.segments(tenant):
            if only in (None, segment["name"], segment.get("labels", {}).get(WORD_LABEL)):
                self._drop_segment(segment)

    def _drop_segment(self, segment: Mapping[str, Any]) -> None:
        if segment.get("labels", {}).get(MADE_BY) == NEUTRON:
            _unless_in_use(self._client.delete_segment, segment["tenant"], segment["name"])

    def _find(self, project_id: str) -> Tenant | None:
        found = self._client.tenants_of(project_id)
        if len(found) > 1:
            names = ", ".join(sorted(tenant.name for tenant in found))
            raise RomanaConflict(
                what=f"find the tenant of project {project_id}", reason=f"several have its ID: {names}"
            )
        return found[0] if found else None

    def _create(self, project_id: str) -> Tenant:
        spec = {"name": project_id, "externalId": project_id, "labels": {MADE_BY: NEUTRON}}
        try:
            return self._client.create_tenant(spec)
        except ApiError as error:
            # Another worker may just have made and named it.
            found = self._find(project_id) if error.code == "conflict" else None
            if found is None:
                raise
            return found


def _unless_in_use(delete: Callable[..., None], *names: str) -> None:
    try:
        delete(*names)
    except ApiError as error:
        if error.code not in ("in-use", "not-found"):
            raise
        LOG.debug("It stays: %s", error.detail)
