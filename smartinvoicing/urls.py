"""The roof, by name only."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from smartinvoicing import health

handler500 = "smartinvoicing.pages.server_error"

urlpatterns = [
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("", include("accounts.urls")),
    path("", include("invoices.urls")),
    path("", include("fbr.urls")),
    path("", include("privacy.urls")),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
