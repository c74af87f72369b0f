"""Routes of this app. Sign-in, sign-up and what belongs to them are allauth's, at `/accounts/`."""

from __future__ import annotations

from django.urls import path

from accounts import audit_views, look_views, views

app_name = "accounts"

urlpatterns = [
    path("welcome/", views.welcome, name="welcome"),
    path("switch/", views.switch, name="switch"),
    path("profile/", views.profile, name="profile"),
    path("theme/", views.theme, name="theme"),
    path("invitation/<str:secret>/", views.invitation, name="invitation"),
    path("business/", views.business, name="business"),
    path("people/", views.members, name="members"),
    path("people/invite/", views.invite, name="invite"),
    path("people/<uuid:membership_id>/role/", views.role, name="role"),
    path("people/<uuid:membership_id>/remove/", views.remove, name="remove"),
    path("people/invitations/<uuid:invitation_id>/withdraw/", views.withdraw, name="withdraw"),
    path("keys/", views.keys, name="api_keys"),
    path("keys/<uuid:key_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("bell/", views.notices, name="notices"),
    path("staff-access/", look_views.overview, name="staff_access"),
    path("staff-access/open/", look_views.open_window, name="staff_access_open"),
    path("staff-access/<uuid:window_id>/end/", look_views.end_window, name="staff_access_end"),
    path("audit/", audit_views.audit_trail, name="audit"),
    path("audit/export/", audit_views.export, name="audit_export"),
]
