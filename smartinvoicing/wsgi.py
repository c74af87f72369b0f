"""What gunicorn serves."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from smartinvoicing import checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartinvoicing.settings")

application = get_wsgi_application()
checks.refuse_unsafe()
