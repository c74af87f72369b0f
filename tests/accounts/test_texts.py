import pytest

from accounts import texts


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Lahore \t Yarn\nMills ", "Lahore Yarn Mills"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("لاہور یارن ملز", "لاہور یارن ملز"),
        ("", ""),
    ],
)
def test_tidy_writes_one_way(typed, stored):
    assert texts.tidy(typed) == stored


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Lahore Yarn Mills (Pvt.) Ltd. & Co.", True),
        ("نستعلیق\u200cمیں", True),
        ("gnp.\u202eexe", False),
        ("\u2066Mills\u2069", False),
        ("nul\x00", False),
        ("half \ud83d", False),
    ],
)
def test_is_plain_refuses_what_deceives(text, plain):
    assert texts.is_plain(text) is plain


def test_ascii_digits_reads_urdu_and_arabic_digits():
    assert texts.ascii_digits("۲۰۴٦٠٠۴-x") == "2046004-x"
