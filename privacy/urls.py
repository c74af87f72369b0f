"""Routes of this app: public papers, a person's own pages, the desk's extra pages."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "privacy"

urlpatterns: list[URLPattern] = []
