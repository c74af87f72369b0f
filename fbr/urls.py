"""Routes of the fbr floor: documents of the API."""

from __future__ import annotations

from django.db.transaction import non_atomic_requests
from django.urls import include, path

from fbr import api

# Each API view opens its transaction after the key is known.
api_patterns = (
    [
        path("invoices", non_atomic_requests(api.Invoices.as_view()), name="invoices"),
        path(
            "invoices/<uuid:invoice_id>",
            non_atomic_requests(api.InvoiceDetail.as_view()),
            name="invoice",
        ),
        path(
            "invoices/<uuid:invoice_id>/issue",
            non_atomic_requests(api.InvoiceIssue.as_view()),
            name="invoice-issue",
        ),
        path(
            "invoices/<uuid:invoice_id>/pdf",
            non_atomic_requests(api.InvoicePdfView.as_view()),
            name="invoice-pdf",
        ),
        path(
            "invoices/<uuid:invoice_id>/attempts",
            non_atomic_requests(api.InvoiceAttempts.as_view()),
            name="invoice-attempts",
        ),
        path(
            "invoices/<uuid:invoice_id>/events",
            non_atomic_requests(api.InvoiceEvents.as_view()),
            name="invoice-events",
        ),
    ],
    "api",
)

urlpatterns = [path("api/v1/", include(api_patterns))]
