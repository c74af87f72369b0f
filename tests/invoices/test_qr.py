"""The QR mark: version 2, one inch, exactly the FBR number, as strong as it can be."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image

from invoices import qr

NUMBERS = [
    pytest.param("7000007DI1747119701593", "Q", id="NTN, 22 characters"),
    pytest.param("3520212345671DI1747119701593", "Q", id="CNIC, 28 characters"),
    pytest.param("7000007DIZLLXVR750188", "Q", id="mixed letters and digits"),
    pytest.param("7000007DI1747119701593-21", "Q", id="with a trailing dash"),
    pytest.param("7000007DI", "H", id="short"),
    pytest.param("7000007dizllxvr750188", "M", id="lower case"),
    pytest.param("x" * 32, "L", id="longest in bytes"),
    pytest.param("X" * 47, "L", id="longest in capitals"),
]


def picture_of(svg: str, scale: int = 8, side: int = qr.SIDE) -> Image.Image:
    """The drawing on a grid of `scale` pixels a module."""
    image = Image.new("L", (side, side), 255)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", svg):
        image.paste(0, (int(x), int(y), int(x) + int(width), int(y) + 1))
    return image.resize((side * scale, side * scale), Image.Resampling.NEAREST)


@pytest.mark.parametrize(("number", "level"), NUMBERS)
def test_svg_says_exactly_the_number_at_the_strongest_level_that_fits(number, level):
    (mark,) = zxingcpp.read_barcodes(picture_of(qr.svg(number)))

    assert mark.text == number
    assert mark.ec_level == level


@pytest.mark.parametrize(("number", "level"), NUMBERS)
def test_svg_has_25_modules_and_four_of_quiet_on_each_side(number, level):
    dark = picture_of(qr.svg(number), scale=1).point(lambda shade: 255 - shade)

    assert dark.getbbox() == (4, 4, 29, 29)
    assert dark.size == (33, 33)


def test_svg_measures_one_inch_and_needs_no_style_of_a_page():
    mark = ElementTree.fromstring(qr.svg("7000007DI1747119701593"))

    assert (mark.get("width"), mark.get("height")) == ("1in", "1in")
    assert mark.get("viewBox") == "0 0 33 33"
    assert {name for element in mark.iter() for name in element.attrib} == {
        *("width", "height", "viewBox", "role", "aria-label", "fill", "d")
    }


@pytest.mark.parametrize(
    ("number", "modules"),
    [
        pytest.param("x" * 33, 29, id="a letter too long"),
        pytest.param("X" * 48, 29, id="a capital too long"),
        pytest.param("x" * 64, 33, id="as long as the column"),
        pytest.param("7000007DIé", 25, id="not plain"),
        pytest.param("٣٣", 25, id="not Latin"),
    ],
)
def test_svg_of_a_longer_number_has_smaller_modules_in_the_same_inch(number, modules):
    drawing = qr.svg(number)

    root = ElementTree.fromstring(drawing)
    side = modules + 2 * qr.QUIET
    assert (root.get("width"), root.get("height")) == ("1in", "1in")
    assert root.get("viewBox") == f"0 0 {side} {side}"
    (mark,) = zxingcpp.read_barcodes(picture_of(drawing, side=side))
    assert mark.text == number


def test_svg_is_as_wide_as_it_is_told():
    mark = ElementTree.fromstring(qr.svg("7000007DI1747119701593", side="25mm"))

    assert (mark.get("width"), mark.get("height")) == ("25mm", "25mm")


def test_svg_refuses_no_number():
    with pytest.raises(ValueError, match="number"):
        qr.svg("")
