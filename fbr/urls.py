"""Routes of the fbr floor: pages, and documents of the API."""

from __future__ import annotations

from django.db.transaction import non_atomic_requests
from django.urls import include, path

from fbr import (
    api,
    cancel_api,
    cancel_views,
    golive_views,
    incident_views,
    list_views,
    metrics_views,
    note_api,
    outage_views,
    preview_views,
    quarantine_views,
    resolve_api,
    resolve_views,
    till_api,
    till_views,
    token_views,
    views,
)

page_patterns = (
    [
        path("invoices/<uuid:invoice_id>/issue/", views.issue, name="issue"),
        path("invoices/<uuid:invoice_id>/fbr/", views.panel, name="panel"),
        path("invoices/<uuid:invoice_id>/correct/", cancel_views.correct, name="correct"),
        path("invoices/<uuid:invoice_id>/cancel/", cancel_views.cancel, name="cancel"),
        path(
            "invoices/<uuid:invoice_id>/cancel/approved/",
            cancel_views.cancel_approved,
            name="cancel_approved",
        ),
        path(
            "invoices/<uuid:invoice_id>/cancel/confirmed/",
            cancel_views.cancel_confirmed,
            name="cancel_confirmed",
        ),
        path(
            "invoices/<uuid:invoice_id>/cancel/refused/",
            cancel_views.cancel_refused,
            name="cancel_refused",
        ),
        path(
            "invoices/<uuid:invoice_id>/cancel/proof/",
            cancel_views.cancel_proof,
            name="cancel_proof",
        ),
        path(
            "invoices/<uuid:invoice_id>/cancel/approval/",
            cancel_views.cancel_approval,
            name="cancel_approval",
        ),
        path(
            "invoices/<uuid:invoice_id>/application/", cancel_views.application, name="application"
        ),
        path(
            "invoices/<uuid:invoice_id>/application/pdf/",
            cancel_views.application_pdf,
            name="application_pdf",
        ),
        path("invoices/<uuid:invoice_id>/void/", cancel_views.void, name="void"),
        path("invoices/<uuid:invoice_id>/settle/", resolve_views.settle, name="settle"),
        path(
            "invoices/<uuid:invoice_id>/settle/found/",
            resolve_views.settle_found,
            name="settle_found",
        ),
        path(
            "invoices/<uuid:invoice_id>/settle/row/<uuid:row_id>/",
            resolve_views.settle_row,
            name="settle_row",
        ),
        path(
            "invoices/<uuid:invoice_id>/settle/answer/",
            resolve_views.settle_answer,
            name="settle_answer",
        ),
        path(
            "invoices/<uuid:invoice_id>/settle/missing/",
            resolve_views.settle_missing,
            name="settle_missing",
        ),
        path("invoices/<uuid:invoice_id>/reopen/", resolve_views.reopen, name="reopen"),
        path(
            "invoices/<uuid:invoice_id>/another-sale/",
            resolve_views.release_duplicate,
            name="release_duplicate",
        ),
        path("invoices/<uuid:invoice_id>/twice/", resolve_views.double, name="double"),
        path("fbr/red-list/", resolve_views.red_list, name="red_list"),
        path(
            "fbr/claims/<uuid:claim_id>/confirm/",
            resolve_views.claim_confirm,
            name="claim_confirm",
        ),
        path(
            "fbr/claims/<uuid:claim_id>/withdraw/",
            resolve_views.claim_withdraw,
            name="claim_withdraw",
        ),
        path(
            "fbr/evidence/<uuid:evidence_id>/file/",
            resolve_views.evidence_file,
            name="evidence_file",
        ),
        path("restored/", quarantine_views.restored, name="restored"),
        path("restored/lost/", quarantine_views.record_lost, name="record_lost"),
        path("fbr/statements/", resolve_views.statement_list, name="statements"),
        path("fbr/statements/<uuid:statement_id>/", resolve_views.statement, name="statement"),
        path(
            "fbr/statements/<uuid:statement_id>/file/",
            resolve_views.statement_file,
            name="statement_file",
        ),
        path("invoices/<uuid:invoice_id>/preview/", preview_views.preview, name="preview"),
        path("invoices/<uuid:invoice_id>/again/", preview_views.send_again, name="send_again"),
        path("invoices/<uuid:invoice_id>/offline/", outage_views.offline, name="offline"),
        path("fbr/", views.light, name="light"),
        path("fbr/outage/", outage_views.banner, name="outage_banner"),
        path("incidents/", incident_views.incident_list, name="incidents"),
        path("incidents/new/", incident_views.incident_new, name="incident_new"),
        path("incidents/<uuid:incident_id>/", incident_views.incident, name="incident"),
        path("incidents/<uuid:incident_id>/letter/", incident_views.letter, name="incident_letter"),
        path(
            "incidents/<uuid:incident_id>/words/", incident_views.describe, name="incident_describe"
        ),
        path("incidents/<uuid:incident_id>/told/", incident_views.tell, name="incident_tell"),
        path("incidents/<uuid:incident_id>/proof/", incident_views.proof, name="incident_proof"),
        path("incidents/<uuid:incident_id>/close/", incident_views.close, name="incident_close"),
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
            "invoices/<uuid:invoice_id>/cancel",
            non_atomic_requests(cancel_api.InvoiceCancel.as_view()),
            name="invoice-cancel",
        ),
        path(
            "invoices/<uuid:invoice_id>/void",
            non_atomic_requests(cancel_api.InvoiceVoid.as_view()),
            name="invoice-void",
        ),
        path(
            "invoices/<uuid:invoice_id>/resolve",
            non_atomic_requests(resolve_api.InvoiceResolve.as_view()),
            name="invoice-resolve",
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

urlpatterns = [
    path("", include(page_patterns)),
    path("api/v1/", include(api_patterns)),
    path("metrics", metrics_views.figures, name="metrics"),
]
