import pytest
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from accounts.models import User
from smartinvoicing import settings as house

URDU = "بارش کے بعد لاہور کی سڑکوں پر چائے کی خوشبو " * 4  # over 72 bytes by far


@pytest.fixture
def ayesha():
    return User(email="ayesha@mills.example", name="Ayesha")


@pytest.mark.parametrize(
    "password",
    [
        "elevenish ok",
        "x7" * 64,
        "correct horse battery staple",
        "no digits and no capitals needed",
        "بارش کے بعد چائے",
    ],
)
def test_a_long_password_is_taken_whatever_it_is_made_of(ayesha, password):
    validate_password(password, ayesha)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("a7" * 5 + "x", "password_length"),
        ("x7" * 64 + "x", "password_length"),
        ("my SmartInvoicing login", "password_product_word"),
        ("smart invoicing rules", "password_product_word"),
        ("1qaz2wsx3edc", "password_too_common"),
        ("ayesha@mills.example", "password_too_similar"),
    ],
)
def test_a_short_or_known_password_is_refused(ayesha, password, code):
    with pytest.raises(ValidationError) as refused:
        validate_password(password, ayesha)

    assert [error.code for error in refused.value.error_list] == [code]


def test_production_hashes_with_bcrypt_over_sha256_at_cost_twelve():
    hasher = import_string(house.PASSWORD_HASHERS[0])()

    encoded = hasher.encode("eleven green parrots sing", hasher.salt())

    assert isinstance(hasher, BCryptSHA256PasswordHasher)
    assert encoded.startswith("bcrypt_sha256$$2b$12$")


def test_tests_hash_fast(settings):
    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.MD5PasswordHasher"]


def test_every_character_of_a_long_passphrase_counts():
    hasher = BCryptSHA256PasswordHasher()
    hasher.rounds = 4
    encoded = hasher.encode(URDU, hasher.salt())

    assert hasher.verify(URDU, encoded)
    assert not hasher.verify(URDU[:-1], encoded)
