"""Templates: nothing inline, nothing leaks into a component, every word can be translated."""

import re
from html.parser import HTMLParser

import pytest
from django.template.base import Lexer, TokenType

from tests.architecture import source

TEMPLATES = {
    source.relative(path): path.read_text()
    for path in source.files("*.html")
    if path.is_relative_to(source.ROOT / "templates")
}
MAILS = {
    source.relative(path): path.read_text()
    for path in source.files("*.txt")
    if path.is_relative_to(source.ROOT / "templates")
}
VALUE = "\N{FULL BLOCK}"  # stands where the page has a value
SPOKEN = {"title", "alt", "aria-label", "placeholder", "label", "data-word", "data-label"}
ARGUMENT = re.compile(
    r"\b(label|title|text|action|other|caption|message|fix|word|back_label|sentence)="
    r"(?:\"([^\"]*)\"|'([^']*)')"
)
NAMES = {"SmartInvoicing", "FBR", "Rs", "HS", "NTN", "CNIC", "STRN", "PDF", "CSV", "URL"}
NO_WORDS = {"block tone", "block drawing", "block breadth"}  # they name a class or an icon
VOID_OF_WORDS = {"kbd", "code", "style", "script"}


def skeleton(text):
    """The template without its tags, translated passages and comments; and its block tags."""
    kept, tags, inside = [], [], ""
    for token in Lexer(text).tokenize():
        words = token.contents.split()
        if token.token_type == TokenType.BLOCK:
            tags.append(token)
            if words[0] in {"blocktranslate", "comment"} or " ".join(words) in NO_WORDS:
                inside = words[0]
            elif words[0] == f"end{inside}":
                inside = ""
        elif not inside and token.token_type == TokenType.TEXT:
            kept.append(token.contents)
        elif not inside and token.token_type == TokenType.VAR:
            kept.append(VALUE)
    return "".join(kept), tags


class Reader(HTMLParser):
    """Collects what a person sees or hears, and what a strict policy would refuse."""

    def __init__(self):
        super().__init__()
        self.words, self.inline, self.within = [], [], []

    def handle_starttag(self, tag, attrs):
        self.within.append(tag)
        given = dict(attrs)
        self.words += [given[name] or "" for name in SPOKEN & given.keys()]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += ["script"] if tag == "script" and "src" not in given else []
        self.inline += ["style"] if tag == "style" else []
        addresses = [given.get(name) or "" for name in ("href", "src", "action", "hx-get")]
        self.inline += [a for a in addresses if a.lower().startswith(("javascript:", "data:"))]
        self.inline += [name for name in given if name.startswith("hx-on")]
        self.inline += [a for a in addresses if re.match(r"(https?:)?//", a)]  # another host

    def handle_endtag(self, tag):
        if tag in self.within:
            del self.within[len(self.within) - 1 - self.within[::-1].index(tag) :]

    def handle_data(self, data):
        if not VOID_OF_WORDS & set(self.within):
            self.words.append(data)


def read(text):
    reader = Reader()
    reader.feed(skeleton(text)[0])
    reader.close()
    return reader


def untranslated(text):
    """Words that stand in a template as they are."""
    found = [
        word
        for piece in read(text).words
        for word in re.findall(r"[^\W\d_]{2,}", re.sub(r"&\w+;", " ", piece))
        if word not in NAMES
    ]
    for token in skeleton(text)[1]:
        for name, double, single in ARGUMENT.findall(token.contents):
            literal = double or single
            if re.search(r"[^\W\d_]{2,}", literal) and literal not in NAMES:
                found.append(f"{name}={literal}")
    return found


def leaks(text):
    """Includes of a component that would see more of the page than they are given."""
    for token in skeleton(text)[1]:
        words = token.split_contents()
        if words[0] == "include" and "ui/" in words[1] and words[-1] != "only":
            yield words[1]


def test_there_are_templates():
    assert len(TEMPLATES) > 50


def test_nothing_is_inline_and_nothing_comes_from_another_host():
    found = {name: read(text).inline for name, text in TEMPLATES.items()}

    assert {name: inline for name, inline in found.items() if inline} == {}


def test_components_see_only_what_they_are_given():
    found = {name: list(leaks(text)) for name, text in TEMPLATES.items()}

    assert {name: leaking for name, leaking in found.items() if leaking} == {}


def test_every_word_of_a_page_can_be_translated():
    found = {name: untranslated(text) for name, text in TEMPLATES.items()}

    assert {name: words for name, words in found.items() if words} == {}


def test_every_word_of_a_mail_can_be_translated():
    found = {name: untranslated(text) for name, text in MAILS.items()}

    assert {name: words for name, words in found.items() if words} == {}


def test_every_page_with_a_translation_has_it_at_hand():
    """`translate` is a builtin of ours (settings.TEMPLATES): no template loads i18n again."""
    again = [
        name for name, text in (TEMPLATES | MAILS).items() if re.search(r"{% load [^%]*i18n", text)
    ]

    assert again == []


def test_templates_decide_nothing():
    """No state by its word, no arithmetic: a view says what is to be shown."""
    states = "draft|queued|submitting|accepted|rejected|uncertain|cancel_requested|cancelled|void"
    compares = re.compile(rf"[=!]= *[\"']({states})[\"']|[\"']({states})[\"'] *[=!]=")
    found = [
        f"{name}: {token.contents}"
        for name, text in TEMPLATES.items()
        for token in skeleton(text)[1]
        if compares.search(token.contents) or re.search(r"\|add:|widthratio", token.contents)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("text", "inline"),
    [
        ('<p style="color: red">{{ x }}</p>', ["style"]),
        ('<a href="/" onclick="go()">{{ x }}</a>', ["onclick"]),
        ("<script>go()</script>", ["script"]),
        ('<script src="{% static "js/app.js" %}"></script>', []),
        ("<style>p {}</style>", ["style"]),
        ('<a href="javascript:go()">{{ x }}</a>', ["javascript:go()"]),
        ('<img src="https://example.com/a.png">', ["https://example.com/a.png"]),
    ],
)
def test_what_is_inline_is_found(text, inline):
    assert read(text).inline == inline


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<p>{% translate "Hello" %}</p>', []),
        ("<p>{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}, dear</p>", ["dear"]),
        ('<button title="Save">{{ x }}</button>', ["Save"]),
        ('<button title="{{ x }}">·</button>', []),
        ('{% include "ui/badge.html" with label="Done" only %}', ["label=Done"]),
        ('{% include "ui/badge.html" with label=_("Done") tone="ok" only %}', []),
        ("{# words #}<kbd>Enter</kbd> Rs", []),
    ],
)
def test_words_that_nobody_can_translate_are_found(text, words):
    assert untranslated(text) == words


def test_a_component_that_sees_the_page_is_found():
    assert list(leaks('{% include "ui/badge.html" with tone="ok" %}')) == ['"ui/badge.html"']
