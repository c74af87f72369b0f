"""Routes of the fbr floor: pages, and documents of the API."""

from __future__ import annotations

from django.db.transaction import non_atomic_requests
from django.urls import include, path

from fbr import (
    api,
    golive_views,
    list_views,
    note_api,
    preview_views,
    till_api,
    till_views,
    token_views,
    views,
)

page_patterns = (
    [
        path("invoices/<uuid:invoice_id>/issue/", views.issue, name="issue"),
        path("invoices/<uuid:invoice_id>/fbr/", views.panel, name="panel"),
        path("invoices/<uuid:invoice_id>/preview/", preview_views.preview, name="preview"),
        path("invoices/<uuid:invoice_id>/again/", preview_views.send_again, name="send_again"),
        path("fbr/", views.light, name="light"),
        path("fbr/lists/", list_views.lists, name="lists"),
        path("fbr/lists/refresh/", list_views.refresh_lists, name="refresh_lists"),
        path("fbr/register/", list_views.register, name="register"),
        path("fbr/register/check-all/", list_views.check_all, name="check_all"),
        path("fbr/buyer-check/", list_views.buyer_check, name="buyer_check"),
        path("buyers/<uuid:buyer_id>/checks/", list_views.buyer_checks_of, name="buyer_checks"),
        path("buyers/<uuid:buyer_id>/take-over/", list_views.take_over, name="take_over"),
        path("fbr/tokens/", token_views.tokens, name="tokens"),
        path("fbr/tokens/<uuid:credential_id>/test/", token_views.test, name="test_token"),
        path("fbr/tokens/<uuid:credential_id>/release/", token_views.release, name="release"),
        path("fbr/go-live/", golive_views.golive, name="golive"),
        path("fbr/go-live/tick/", golive_views.golive_tick, name="golive_tick"),
        path("fbr/go-live/step/", golive_views.golive_step, name="golive_step"),
        path("fbr/go-live/iris/", golive_views.iris, name="iris"),
        path("fbr/go-live/scenarios/", golive_views.scenarios, name="scenarios"),
        path(
            "fbr/go-live/scenarios/choose/", golive_views.scenarios_choose, name="scenarios_choose"
        ),
        path("fbr/tills/", till_views.till_list, name="tills"),
        path("fbr/tills/terms/", till_views.terms, name="till_terms"),
        path("fbr/tills/sheet/", till_views.sheet, name="till_sheet"),
        path("fbr/tills/<uuid:till_id>/", till_views.till, name="till"),
        path("fbr/tills/<uuid:till_id>/token/", till_views.token, name="till_token"),
        path("fbr/tills/<uuid:till_id>/test/", till_views.test, name="till_test"),
        path("fbr/tills/<uuid:till_id>/release/", till_views.release, name="till_release"),
        path("fbr/tills/<uuid:till_id>/retire/", till_views.retire, name="till_retire"),
        path("fbr/environment/", golive_views.environment, name="environment"),
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
            "invoices/<uuid:invoice_id>/debit-note",
            non_atomic_requests(note_api.InvoiceDebitNote.as_view()),
            name="invoice-debit-note",
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
        path("tills", non_atomic_requests(till_api.Tills.as_view()), name="tills"),
    ],
    "api",
)

urlpatterns = [path("", include(page_patterns)), path("api/v1/", include(api_patterns))]
