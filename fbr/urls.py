"""Routes of the fbr floor: pages, and documents of the API."""

from __future__ import annotations

from django.db.transaction import non_atomic_requests
from django.urls import include, path

from fbr import api, views

page_patterns = (
    [
        path("invoices/<uuid:invoice_id>/issue/", views.issue, name="issue"),
        path("invoices/<uuid:invoice_id>/fbr/", views.panel, name="panel"),
        path("fbr/", views.light, name="light"),
        path("fbr/tokens/", views.tokens, name="tokens"),
        path("fbr/tokens/<uuid:credential_id>/release/", views.release, name="release"),
        path("fbr/token-step/", views.token_step, name="token_step"),
    ],
    "fbr",
)

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

urlpatterns = [path("", include(page_patterns)), path("api/v1/", include(api_patterns))]
