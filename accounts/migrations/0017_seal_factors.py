from base64 import b64decode, b64encode

from django.db import migrations

from smartinvoicing import crypto

WHERE = {"tenant_id": "", "place": "mfa_authenticator/data"}
SECRETS = ("secret", "seed")  # of codes from an app, of recovery codes


def seal(text):
    return b64encode(crypto.seal(text, **WHERE)).decode()


def unseal(text):
    return crypto.unseal(b64decode(text), **WHERE)


def rewritten(change):
    def run(apps, schema_editor):
        for factor in apps.get_model("mfa", "Authenticator").objects.select_for_update():
            factor.data |= {
                name: change(factor.data[name]) for name in SECRETS if name in factor.data
            }
            factor.save(update_fields=["data"])

    return run


class Migration(migrations.Migration):
    """Secrets of second factors lay open so far."""

    dependencies = [("accounts", "0016_audit_of_person"), ("mfa", "0003_authenticator_type_uniq")]

    operations = [migrations.RunPython(rewritten(seal), rewritten(unseal))]
