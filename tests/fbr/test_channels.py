"""Where each of FBR's systems is found, and how its answers are read."""

from __future__ import annotations

import pytest

from accounts.enums import Environment
from fbr import channels
from fbr.carriers import Cloud, Parcel
from fbr.models.work import Call
from fbr.outcomes import CodeOnLine
from invoices.enums import Channel
from tests.fbr.fake_pos import PRODUCTION, SANDBOX, SANDBOX_TOKEN

OFFICIAL = {
    ("di", "sandbox", "record"): "/di_data/v1/di/postinvoicedata_sb",
    ("di", "production", "record"): "/di_data/v1/di/postinvoicedata",
    ("di", "sandbox", "validate"): "/di_data/v1/di/validateinvoicedata_sb",
    ("di", "production", "validate"): "/di_data/v1/di/validateinvoicedata",
    ("pos", "sandbox", "record"): "/FBR/v1/api/Live/PostData",
    ("pos", "production", "record"): "/imsp/v1/api/Live/PostData",
}


def test_the_paths_are_fbrs_own():
    found = {
        (channel, environment, call): channels.dialect_of(channel).path(environment, call)
        for channel in Channel.values
        for environment, call in channels.dialect_of(channel).paths
    }

    assert found == OFFICIAL


@pytest.mark.parametrize("environment", Environment.values)
def test_only_digital_invoicing_has_a_dry_run(environment):
    assert channels.dialect_of(Channel.DI).knows(environment, Call.VALIDATE)
    assert not channels.dialect_of(Channel.POS).knows(environment, Call.VALIDATE)


def test_each_environment_of_pos_has_an_address_of_its_own(settings):
    settings.FBR_DI_URL = "https://di.example"
    settings.FBR_POS_SANDBOX_URL = "https://sandbox.example"
    settings.FBR_POS_PRODUCTION_URL = "https://production.example"
    pos, di = channels.dialect_of(Channel.POS), channels.dialect_of(Channel.DI)

    assert pos.base_url(Environment.SANDBOX) == "https://sandbox.example"
    assert pos.base_url(Environment.PRODUCTION) == "https://production.example"
    assert {di.base_url(each) for each in Environment.values} == {"https://di.example"}


@pytest.mark.parametrize(
    ("channel", "environment", "prefix", "path"),
    [
        (Channel.POS, Environment.SANDBOX, "/esp", f"/esp{SANDBOX}"),
        (Channel.POS, Environment.PRODUCTION, "/gw/", f"/gw{PRODUCTION}"),
        (Channel.DI, Environment.SANDBOX, "/x", "/x/di_data/v1/di/postinvoicedata_sb"),
    ],
)
def test_a_prefix_of_the_address_is_kept(fake_fbr, settings, channel, environment, prefix, path):
    settings.FBR_DI_URL = settings.FBR_POS_SANDBOX_URL = fake_fbr.url + prefix
    settings.FBR_POS_PRODUCTION_URL = fake_fbr.url + prefix
    parcel = Parcel(channel=channel, environment=environment, call=Call.RECORD, body=b"{}")

    Cloud().carry(parcel, token=SANDBOX_TOKEN, within_s=5)

    assert [request["path"] for request in fake_fbr.ledger()["requests"]] == [path]


def test_each_system_has_words_of_its_own_for_a_code():
    found = CodeOnLine(code="102", text="Invalid data received")
    di, pos = (channels.dialect_of(channel).problem_of(found) for channel in ("di", "pos"))

    assert "bill" in pos.message
    assert di.message != pos.message
