"""The desk of our people in the Django admin, as far as people and roles go."""

from accounts.admin import approvals, people, roles, site

__all__ = ["approvals", "people", "roles", "site"]
