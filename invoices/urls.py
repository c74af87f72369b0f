"""Routes of the invoices floor."""

from __future__ import annotations

from django.db.transaction import non_atomic_requests
from django.urls import include, path

from invoices import api

api_patterns = [
    path("buyers", non_atomic_requests(api.Buyers.as_view()), name="api-buyers"),
    path("products", non_atomic_requests(api.Products.as_view()), name="api-products"),
]

urlpatterns = [path("api/v1/", include(api_patterns))]
