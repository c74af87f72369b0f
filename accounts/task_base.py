"""The base of every task that works for one tenant."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from celery import Task

from accounts import tenancy
from smartinvoicing.errors import StateConflict

logger = logging.getLogger(__name__)


class TenantTask(Task):  # type: ignore[type-arg]  # generic only in its stubs
    """Takes `tenant_id` and runs inside that tenant; to lose a race is its normal end."""

    abstract = True

    def __call__(self, *args: Any, tenant_id: str, **kwargs: Any) -> Any:
        try:
            with tenancy.in_tenant(UUID(tenant_id)):
                return super().__call__(*args, tenant_id=tenant_id, **kwargs)
        except StateConflict as conflict:
            logger.info("task.slower", extra={"task": self.name, "why": conflict.message})
            return None
