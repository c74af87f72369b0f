import pytest

from accounts import registration


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("2046004", "2046004"),
        (" 2046004-7 ", "2046004"),
        ("a123456-7", "A123456"),
        ("35202-1234567-1", "3520212345671"),
        ("35202 1234567 1", "3520212345671"),
        ("", ""),
    ],
)
def test_normal_writes_a_number_as_fbr_wants_it(typed, stored):
    assert registration.normal(typed) == stored


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("2046004", True),
        ("A123456", True),
        ("3520212345671", True),
        ("0000000000000", False),
        ("204600", False),
        ("20460047", False),
        ("a123456", False),
        ("٢٠٤٦٠٠٤", False),
        ("", False),
    ],
)
def test_is_number_takes_ntn_and_cnic_only(number, fits):
    assert registration.is_number(number) is fits
