"""The ledger of consents, and the addresses that get no mail: to look at, nothing else."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from accounts.desk import DeskAdmin
from accounts.enums import Desk
from accounts.models import ConsentEvent, ConsentText, Suppression


class ConsentEventAdmin(DeskAdmin):
    """Subjects by id: a name is not needed to prove an answer."""

    lead = gettext_lazy(
        "Every yes and every no, with the words that were asked. Nothing here is ever changed."
    )
    sees = (Desk.SEE_REGISTERS,)
    list_display = ("at", "purpose", "state", "channel", "language", "user_id", "visitor")
    list_filter = ("purpose", "state", "channel")
    search_fields = ("user_id__icontains", "=visitor", "=address_key")
    date_hierarchy = "at"
    ordering = ("-id",)


class ConsentTextAdmin(DeskAdmin):
    lead = gettext_lazy("The words under which people said yes or no.")
    sees = (Desk.SEE_REGISTERS,)
    list_display = ("purpose", "language", "hash", "first_at")
    list_filter = ("purpose", "language")
    ordering = ("-first_at",)


class SuppressionAdmin(DeskAdmin):
    lead = gettext_lazy(
        "Who must get no mail of a kind, as a keyed hash: it can be compared, not read."
    )
    sees = (Desk.SEE_REGISTERS,)
    list_display = ("since", "purpose", "why", "lifted_at")
    list_filter = ("why", "purpose")
    ordering = ("-since",)


admin.site.register(ConsentEvent, ConsentEventAdmin)
admin.site.register(ConsentText, ConsentTextAdmin)
admin.site.register(Suppression, SuppressionAdmin)
