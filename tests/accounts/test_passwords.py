import pytest
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from accounts.models import User
from smartinvoicing import settings as house

URDU = "بارش کے بعد لاہور کی سڑکوں پر چائے کی خوشبو " * 4  # over 72 bytes by far


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("a" * 11, False),
        ("elevenish ok", True),
        ("x7" * 64, True),
        ("x7" * 64 + "x", False),
        ("correct horse battery staple", True),
        ("no digits and no capitals needed", True),
        ("بارش کے بعد چائے", True),
        ("my SmartInvoicing login", False),
        ("smart invoicing rules", False),
        ("1qaz2wsx3edc", False),
        ("ayesha@mills.example", False),
    ],
)
def test_a_password_must_be_long_and_not_known(password, fits):
    user = User(email="ayesha@mills.example", name="Ayesha")
    try:
        validate_password(password, user)
    except ValidationError:
        refused = True
    else:
        refused = False

    assert refused is not fits


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
