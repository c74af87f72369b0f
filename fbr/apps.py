from __future__ import annotations

from django.apps import AppConfig


class FbrConfig(AppConfig):
    name = "fbr"
    verbose_name = "FBR"
