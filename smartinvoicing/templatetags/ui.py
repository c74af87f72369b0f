"""The components of the house as template tags.

`{% card title=_("Members") %}...{% endcard %}` renders `templates/ui/card.html` with the arguments
and, as `body`, what stands between the tags. `{% part actions %}...{% endpart %}` right inside it
fills another place of the same component. Nothing else of the page leaks in, as with
`include ... only`. What a component takes stands in the first line of its template.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NotRequired, TypedDict

from django import template
from django.contrib.messages import constants as level
from django.contrib.messages.storage.base import Message
from django.core.exceptions import ValidationError
from django.forms import BaseForm, BoundField, CheckboxInput, Widget
from django.template import Context, Node, NodeList, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

BLOCKS: Final = ("card", "heading", "notice", "table", "dialog")


class PartNode(Node):
    def __init__(self, name: str, nodelist: NodeList) -> None:
        self.name = name
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        raise TemplateSyntaxError(f"part {self.name} stands right inside a component, not deeper.")


class ComponentNode(Node):
    def __init__(
        self, name: str, arguments: Mapping[str, FilterExpression], nodelist: NodeList
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.nodelist = nodelist
        self.parts = {node.name: node.nodelist for node in nodelist if isinstance(node, PartNode)}
        self.body = NodeList([node for node in nodelist if not isinstance(node, PartNode)])

    def render(self, context: Context) -> SafeString:
        values: dict[str, Any] = {
            key: each.resolve(context) for key, each in self.arguments.items()
        }
        values |= {name: nodelist.render(context) for name, nodelist in self.parts.items()}
        values |= {"body": self.body.render(context), "csrf_token": context.get("csrf_token")}
        component = context.template.engine.get_template(f"ui/{self.name}.html")  # type: ignore[union-attr]  # set while rendering
        return component.render(context.new(values))


def _component(parser: Parser, token: Token) -> ComponentNode:
    name, *bits = token.split_contents()
    arguments = token_kwargs(bits, parser)
    if bits:
        raise TemplateSyntaxError(f"{name} takes key=value and nothing else; it got {bits[0]}.")
    nodelist = parser.parse((f"end{name}",))
    parser.delete_first_token()
    return ComponentNode(name, arguments, nodelist)


for _name in BLOCKS:
    register.tag(_name, _component)


@register.tag
def part(parser: Parser, token: Token) -> PartNode:
    _, name = token.split_contents()
    nodelist = parser.parse(("endpart",))
    parser.delete_first_token()
    return PartNode(name, nodelist)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """One drawing of the sprite. It is decoration, unless `label` makes it speak."""
    address = f"{static('icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>', label, address
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>', address)


@register.simple_tag(takes_context=True)
def badge(context: Context, look: Hashable) -> SafeString:
    """`ui/badge.html` in a long list: each look is rendered once a page."""
    kept: Any = context.render_context
    drawn: dict[Hashable, SafeString] = kept.setdefault("badges", {})
    if look not in drawn:
        values = {name: getattr(look, name) for name in ("tone", "icon", "label", "turning")}
        engine = context.template.engine  # type: ignore[union-attr]  # set while rendering
        drawn[look] = engine.get_template("ui/badge.html").render(context.new(values))
    return drawn[look]


@register.simple_tag
def dark_media(theme: str) -> str:
    """When the dark tokens hold: always, never, or as the device wishes. Never on paper."""
    return {"dark": "screen", "light": "not all"}.get(
        theme, "screen and (prefers-color-scheme: dark)"
    )


class Problem(TypedDict):
    message: str
    fix: str


def _problems(errors: Iterable[ValidationError]) -> list[Problem]:
    """Each error with the `fix` that a form may have hung on it: what to do about it."""
    return [
        {"message": message, "fix": getattr(error, "fix", "")}
        for error in errors
        for message in error.messages
    ]


def _kind(widget: Widget) -> str:
    if isinstance(widget, CheckboxInput):
        return "check"
    return "choices" if widget.use_fieldset else "control"


@register.inclusion_tag("ui/field.html")
def field(
    bound: BoundField,
    *,
    label: str = "",
    before: str = "",
    after: str = "",
    wide: bool = False,
) -> dict[str, object]:
    """A control with its label, help and errors. `before` and `after` are units: Rs, KG, %."""
    return {
        "bound": bound,
        "label": label or bound.label,
        "before": before,
        "after": after,
        "wide": wide,
        "kind": _kind(bound.field.widget),
        "secret": getattr(bound.field.widget, "input_type", "") == "password",
        "problems": _problems(bound.errors.as_data()),
    }


@register.inclusion_tag("ui/form_errors.html")
def form_errors(form: BaseForm, *, title: str = "") -> dict[str, object]:
    """What is wrong with a form, above it, each line a link to its field."""
    return {
        "title": title,
        "general": _problems(form.non_field_errors().as_data()),
        "fields": [
            {
                "label": bound.label,
                "target": bound.id_for_label or bound.auto_id,
                "problems": _problems(bound.errors.as_data()),
            }
            for bound in form.visible_fields()
            if bound.errors
        ],
    }


@register.inclusion_tag("ui/actions.html")
def actions(these: Sequence[Mapping[str, Any]] | None) -> dict[str, object]:
    """Buttons and one-button forms in a row; the list is described in the template."""
    return {"actions": these or ()}


LOOK_OF_LEVEL: Final = (
    (level.ERROR, "danger", "x-circle"),
    (level.WARNING, "attention", "alert"),
    (level.SUCCESS, "ok", "check-circle"),
    (level.DEBUG, "neutral", "info"),
)


@register.inclusion_tag("ui/flash.html")
def flash(messages: Iterable[Message] | None) -> dict[str, object]:
    """The messages of the last action, each in the tone of its level."""
    return {"flashes": [_flash(message) for message in messages or ()]}


def _flash(message: Message) -> dict[str, object]:
    tone, drawing = next(
        (tone, drawing) for floor, tone, drawing in LOOK_OF_LEVEL if message.level >= floor
    )
    return {"tone": tone, "icon": drawing, "text": message.message}


class Bar(TypedDict):
    label: str
    value: Decimal
    text: str
    part: NotRequired[Decimal]


CHART_HEIGHT: Final = 120
BAR_STEP: Final = 20
BAR_WIDTH: Final = 14


@register.inclusion_tag("ui/bar_chart.html")
def bar_chart(
    bars: Sequence[Bar], *, title: str, top: str = "", every: int = 1
) -> dict[str, object]:
    """Bars from zero, drawn on the server.

    bars:  label (under the bar), value, text (what the bar says in words) and, where wanted,
           part: the piece of the value that is drawn darker, such as the tax in a sale.
    top:   the highest value, written out, at the top of the axis.
    every: label each bar, each second, each seventh.
    """
    highest = max((bar["value"] for bar in bars), default=Decimal(0)) or Decimal(1)
    return {
        "title": title,
        "top": top,
        "width": BAR_STEP * max(len(bars), 1),
        "height": CHART_HEIGHT,
        "bar_width": BAR_WIDTH,
        "bars": [_drawn(bar, place, highest, every) for place, bar in enumerate(bars)],
    }


def _drawn(bar: Bar, place: int, highest: Decimal, every: int) -> dict[str, object]:
    height = int(bar["value"] * CHART_HEIGHT / highest)
    piece = int(bar.get("part", Decimal(0)) * CHART_HEIGHT / highest)
    return {
        **bar,
        "x": place * BAR_STEP + (BAR_STEP - BAR_WIDTH) // 2,
        "y": CHART_HEIGHT - height,
        "height": height,
        "part_y": CHART_HEIGHT - piece,
        "part_height": piece,
        "shown": place % every == 0,
        "start": place * BAR_STEP,
    }
