"""Routes of the invoices floor: pages, and the API of masters."""

from __future__ import annotations

from django.db.transaction import non_atomic_requests
from django.urls import include, path

from invoices import api, reference_api
from invoices.views import (
    catalogue,
    closings,
    dashboard,
    editor,
    invoices,
    lookups,
    notes,
    signatures,
)

page_patterns = (
    [
        path("", dashboard.dashboard, name="dashboard"),
        path("invoices/", invoices.invoices, name="list"),
        path("invoices/export.csv", invoices.export, name="export"),
        path("invoices/new/", editor.new, name="new"),
        path("invoices/autosave/", editor.autosave, name="autosave"),
        path("invoices/preview/", editor.preview, name="preview"),
        path("invoices/line/", editor.line, name="line"),
        path("invoices/buyer-note/", editor.buyer_note, name="buyer_note"),
        path("invoices/find/buyers/", lookups.buyer_search, name="buyer_search"),
        path("invoices/find/products/", lookups.product_search, name="product_search"),
        path("invoices/find/hs-codes/", lookups.hs_search, name="hs_search"),
        path("invoices/find/units/", lookups.unit_options, name="unit_options"),
        path("invoices/find/rates/", lookups.rate_options, name="rate_options"),
        path("invoices/find/schedules/", lookups.schedule_options, name="schedule_options"),
        path("invoices/find/items/", lookups.item_options, name="item_options"),
        path("invoices/<uuid:invoice_id>/", invoices.detail, name="detail"),
        path("invoices/<uuid:invoice_id>/edit/", editor.edit, name="edit"),
        path("invoices/<uuid:invoice_id>/delete/", invoices.delete, name="delete"),
        path("invoices/<uuid:invoice_id>/copy/", invoices.duplicate, name="duplicate"),
        path("invoices/<uuid:invoice_id>/pdf/", invoices.pdf, name="pdf"),
        path("invoices/<uuid:invoice_id>/note/", notes.note, name="note"),
        path("invoices/<uuid:invoice_id>/signature.json", signatures.signature, name="signature"),
        path("closings/", closings.closings, name="closings"),
        path("closings/export.csv", closings.export, name="closings_export"),
        path("closings/verify/", closings.verify, name="closings_verify"),
        path("signing-keys/", signatures.keys, name="signing_keys"),
        path("signing-keys/new/", signatures.rotate, name="signing_keys_rotate"),
        path("buyers/", catalogue.buyers, name="buyers"),
        path("buyers/new/", catalogue.buyer_new, name="buyer_new"),
        path("buyers/<uuid:buyer_id>/", catalogue.buyer, name="buyer"),
        path("products/", catalogue.products, name="products"),
        path("products/new/", catalogue.product_new, name="product_new"),
        path("products/taxed/", catalogue.product_taxed, name="product_taxed"),
        path("products/<uuid:product_id>/", catalogue.product, name="product"),
    ],
    "invoices",
)

api_patterns = [
    *(
        path(f"reference/{name}", non_atomic_requests(view.as_view()), name=f"api-reference-{name}")
        for name, view in reference_api.VIEWS.items()
    ),
    path("buyers", non_atomic_requests(api.Buyers.as_view()), name="api-buyers"),
    path("products", non_atomic_requests(api.Products.as_view()), name="api-products"),
]

urlpatterns = [
    path("", include(page_patterns)),
    path(
        "signing-keys/<slug:signing_key>.json", signatures.public_key, name="signing-key"
    ),  # for anybody
    path("api/v1/", include(api_patterns)),
]
