"""Our texts and notices at the desk: draft, look, compare, plan, ask a second person, publish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.desk import DeskAdmin, factor_first
from accounts.enums import Desk
from accounts.models import Approval, PolicyAcceptance, PolicyKind, PolicyVersion, User
from privacy.models import Campaign, CampaignKind, CampaignNotice
from privacy.policy_forms import CampaignForm, DraftForm, PlanForm, WhyForm
from privacy.services import campaigns, policies, policy_texts
from smartinvoicing import clock
from smartinvoicing.errors import AppError

# By the value of the button: its form, the deed, what is said when it is done.
_Buttons = Mapping[str, tuple[type[Form], Callable[..., Any], Any]]
_SEES = (Desk.SEE_REGISTERS, Desk.WRITE_POLICIES)


def _person(request: HttpRequest) -> User:
    """Who is at the desk: `admin_view` let nobody else in."""
    user: Any = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    return user


class _Deeds(DeskAdmin):
    """Pages of buttons: each is a deed of a service, refused in its words."""

    sees = _SEES

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        known = self.admin_site.each_context(request) | {"opts": self.model._meta}
        return TemplateResponse(request, template, known | context)

    def _do(
        self,
        request: HttpRequest,
        deeds: _Buttons,
        back: str,
    ) -> HttpResponse:
        """The deed whose button was pressed, with what its form says."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseRedirect(back)
        wanted = deeds.get(request.POST.get("deed", ""))
        if wanted is None:
            raise Http404
        form_class, deed, done = wanted
        form = form_class(request.POST)
        if not form.is_valid():
            messages.error(request, "; ".join(str(e[0]) for e in form.errors.values()))
            return HttpResponseRedirect(back)
        try:
            deed(**form.cleaned_data, by=_person(request), at=clock.now())
        except AppError as refused:
            messages.error(request, refused.message)
        else:
            messages.success(request, done)
        return HttpResponseRedirect(back)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(_Deeds):
    """Every version of every text; above the list, the way to the page of each text."""

    lead = gettext_lazy(
        "Our texts as they were published. A change of what we do with data needs a plan for "
        "telling people."
    )
    list_display = ("title", "language", "number", "is_material", "published_at", "effective_at")
    list_filter = ("kind", "language", "is_material")
    fields = (
        *("kind", "language", "number", "title", "sha256", "is_material", "summary"),
        *("drafted_at", "published_at", "effective_at", "told_at"),
    )
    ordering = ("kind", "-number", "language")
    change_list_template = "privacy/desk/policy_list.html"

    def get_urls(self) -> list[URLPattern]:
        own = (
            ("text/<str:kind>/", require_GET(self.text), "privacy_policy_text"),
            ("text/<str:kind>/deed/", self.deed, "privacy_policy_deed"),
            (
                "text/<str:kind>/preview/<str:language>/",
                require_GET(self.preview),
                "privacy_policy_preview",
            ),
        )
        views = [path(at, self.admin_site.admin_view(view), name=name) for at, view, name in own]
        return [*views, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        kinds = [{"value": each.value, "label": each.label} for each in PolicyKind]
        return super().changelist_view(request, {"kinds": kinds} | (extra_context or {}))

    def text(self, request: HttpRequest, kind: str) -> HttpResponse:
        """How one text stands, and what may be done next."""
        _known(kind)
        drafts = policies.drafts(kind)
        plan = policies.plan_of(drafts[0]) if drafts else None
        return self._page(
            request,
            "privacy/desk/policy_text.html",
            title=PolicyKind(kind).label,
            kind=kind,
            newest=policies.newest(kind),
            drafts=drafts,
            problems=[p for each in policies.written(kind) for p in policy_texts.problems_of(each)],
            plan=plan,
            asked=_asked(drafts),
            draft_form=DraftForm(),
            plan_form=PlanForm(initial={"about": drafts[0].summary if drafts else ""}),
            why_form=WhyForm(),
        )

    def preview(self, request: HttpRequest, kind: str, language: str) -> HttpResponse:
        """The draft as people would read it, and what differs from what they read now."""
        draft = next((d for d in policies.drafts(_known(kind)) if d.language == language), None)
        if draft is None:
            raise Http404
        return self._page(
            request,
            "privacy/desk/policy_preview.html",
            title=draft.title,
            kind=kind,
            version=draft,
            body=policy_texts.shown(draft.body),
            lines=policy_texts.marked(draft.diff),
        )

    @factor_first
    def deed(self, request: HttpRequest, kind: str) -> HttpResponse:
        _known(kind)
        deeds: _Buttons = {
            "draft": (DraftForm, partial(policies.draft, kind), _("The draft is made.")),
            "plan": (PlanForm, partial(_plan, kind), _("The notice is planned.")),
            "ask": (WhyForm, partial(policies.ask, kind), _("A second person is asked.")),
            "publish": (Form, partial(policies.publish, kind), _("It is published.")),
            "discard": (Form, partial(policies.discard, kind), _("The draft is gone.")),
        }
        return self._do(request, deeds, reverse("admin:privacy_policy_text", args=[kind]))


def _known(kind: str) -> str:
    if kind not in PolicyKind.values:
        raise Http404
    return kind


def _plan(kind: str, *, about: str, days_ahead: int, by: User, at: Any) -> None:
    for version in policies.drafts(kind)[:1]:
        campaigns.plan(
            CampaignKind.POLICY, about=about, days_ahead=days_ahead, version=version, by=by, at=at
        )


def _asked(drafts: list[PolicyVersion]) -> Approval | None:
    """The open question about exactly this draft."""
    if not drafts:
        return None
    found = Approval.objects.filter(
        deed=policies.PUBLISH,
        object_id=str(drafts[0].pk),
        digest=policies.digest_of(drafts),
        spent_at=None,
        expires_at__gt=clock.now(),
    )
    return found.select_related("answered_by").order_by("-asked_at").first()


@admin.register(Campaign)
class CampaignAdmin(_Deeds):
    """Notices to everybody, how far each is, and what keeps its matter from taking effect."""

    lead = gettext_lazy("Who has to be told what, until when.")
    list_display = ("kind", "effective_at", "started_at", "progress", "put_off", "carried_out_at")
    list_filter = ("kind",)
    ordering = ("-planned_at",)
    change_list_template = "privacy/desk/campaign_list.html"
    fields = (
        *("kind", "version", "about", "days_ahead", "planned_at", "effective_at", "started_at"),
        *("progress", "reached_at", "put_off", "carried_out_at", "withdrawn_at"),
    )
    readonly_fields = ("progress",)

    def get_urls(self) -> list[URLPattern]:
        own = (
            ("notice/<uuid:campaign_id>/", require_GET(self.notice), "privacy_campaign_notice"),
            ("notice/<uuid:campaign_id>/deed/", self.deed, "privacy_campaign_deed"),
            ("notice/plan/", self.plan, "privacy_campaign_plan"),
        )
        views = [path(at, self.admin_site.admin_view(view), name=name) for at, view, name in own]
        return [*views, *super().get_urls()]

    @admin.display(description=gettext_lazy("tried"))
    def progress(self, campaign: Campaign) -> str:
        tried, everybody = campaigns.progress_of(campaign)
        return _("%(tried)d of %(all)d") % {"tried": tried, "all": everybody}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        known = {"plan_form": CampaignForm()} | (extra_context or {})
        return super().changelist_view(request, known)

    def notice(self, request: HttpRequest, campaign_id: Any) -> HttpResponse:
        """One notice: words, progress, the log, and its deeds."""
        campaign = get_object_or_404(Campaign, pk=campaign_id)
        tried, everybody = campaigns.progress_of(campaign)
        return self._page(
            request,
            "privacy/desk/campaign.html",
            title=campaigns.title_of(campaign),
            campaign=campaign,
            tried=tried,
            everybody=everybody,
            obstacles=campaigns.obstacles(campaign, at=clock.now()),
            why_form=WhyForm(),
        )

    @factor_first
    def plan(self, request: HttpRequest) -> HttpResponse:
        deeds: _Buttons = {"plan": (CampaignForm, campaigns.plan, _("The notice is planned."))}
        return self._do(request, deeds, reverse("admin:privacy_campaign_changelist"))

    @factor_first
    def deed(self, request: HttpRequest, campaign_id: Any) -> HttpResponse:
        campaign = get_object_or_404(Campaign, pk=campaign_id)
        deeds: _Buttons = {
            "start": (Form, partial(campaigns.start, campaign), _("Everybody is being told.")),
            "carry_out": (Form, partial(campaigns.carry_out, campaign), _("It took effect.")),
            "withdraw": (WhyForm, partial(campaigns.withdraw, campaign), _("It is withdrawn.")),
        }
        back = reverse("admin:privacy_campaign_notice", args=[campaign.pk])
        return self._do(request, deeds, back)


@admin.register(CampaignNotice)
class CampaignNoticeAdmin(DeskAdmin):
    """The log of a notice: each person by id, tried when, arrived or not, shown here when."""

    lead = gettext_lazy("Each notice of a campaign: sent, arrived, seen.")
    sees = _SEES
    list_display = ("user_id", "campaign", "delivery", "tries", "tried_at", "failure", "shown_at")
    list_filter = ("delivery", "campaign")
    ordering = ("-tried_at",)
    list_select_related = ("campaign",)


@admin.register(PolicyAcceptance)
class PolicyAcceptanceAdmin(DeskAdmin):
    """Who answered which text how: people by id."""

    lead = gettext_lazy("Who agreed to which text, by its fingerprint.")
    sees = _SEES
    list_display = ("at", "user_id", "version", "is_accepted", "channel")
    list_filter = ("is_accepted", "channel")
    search_fields = ("=user_id",)
    ordering = ("-at",)
    list_select_related = ("version",)
