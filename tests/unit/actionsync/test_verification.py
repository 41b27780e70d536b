"""Each sender's own way to prove itself, by the vectors that they document."""

import base64
import hashlib
import hmac

import pytest

from actionsync.events.verification import TOLERANCE_SECONDS, Proof, Way, verify

BODY = b'{"a":1}'
SECRET = "s3cret"
HEX = "5910e62016ef5034272c926c27071992a465c2335cecf41851bda071577f4f6d"
TIMED = "05d9bc30f0201f409fa39328f2417ecd7da92ccf4e9bdb80fa96f8518b0dd0a3"
NOW = 1_700_000_000
BARE = Way("hmac", header="sentry-hook-signature")
GITHUB = Way("hmac", header="x-hub-signature-256", prefix="sha256=")
PAGERDUTY = Way("hmac", header="x-pagerduty-signature", prefix="v1=")
TIME = Way("hmac", header="x-grafana-alerting-signature", time_header="x-time")
PLAIN = Way("hmac", header="x-grafana-alerting-signature")
TOKEN = Way("header", header="x-gitlab-token")
STANDARD = Way("standard_webhooks")
# standardwebhooks.com, the vector of the specification.
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD_BODY = b'{"test": 2432232314}'
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
AT = 1614265330


def basic(pair: str) -> dict[str, str]:
    """Return the header of basic authentication."""
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


@pytest.mark.parametrize(
    ("way", "headers"),
    [
        (BARE, {"sentry-hook-signature": HEX}),
        (BARE, {"sentry-hook-signature": HEX.upper()}),
        (GITHUB, {"x-hub-signature-256": f"sha256={HEX}"}),
        (PAGERDUTY, {"x-pagerduty-signature": f"v1={HEX}"}),
        (PAGERDUTY, {"x-pagerduty-signature": f"v1={'0' * 64} , v2=x,v1={HEX}"}),
        (TIME, {"x-grafana-alerting-signature": TIMED, "x-time": "1700000000"}),
        (Way("bearer"), {"authorization": "Bearer s3cret"}),
        (Way("bearer"), {"authorization": "bearer  s3cret "}),
        (Way("basic"), basic("anybody:s3cret")),
        (Way("basic"), basic(":s3cret")),
        (TOKEN, {"x-gitlab-token": SECRET}),
        (Way("url"), {}),
    ],
)
def test_what_a_sender_sends_is_verified(way: Way, headers: dict[str, str]) -> None:
    """In each form, as its sender documents it."""
    assert verify([way], headers, BODY, SECRET, NOW) is not None


@pytest.mark.parametrize(
    ("way", "headers"),
    [
        (BARE, {}),
        (BARE, {"sentry-hook-signature": ""}),
        (BARE, {"sentry-hook-signature": f"sha256={HEX}"}),
        (BARE, {"sentry-hook-signature": HEX[:-1]}),
        (BARE, {"sentry-hook-signature": "\udcff\u00e9"}),
        (GITHUB, {"x-hub-signature-256": HEX}),
        (GITHUB, {"x-hub-signature-256": f"sha1={HEX}"}),
        (PAGERDUTY, {"x-pagerduty-signature": f"v2={HEX}"}),
        (TIME, {"x-grafana-alerting-signature": HEX}),
        (TIME, {"x-grafana-alerting-signature": TIMED}),
        (TIME, {"x-grafana-alerting-signature": TIMED, "x-time": "1700000001"}),
        (TIME, {"x-grafana-alerting-signature": TIMED, "x-time": "\u0661700000000"}),
        (TIME, {"x-grafana-alerting-signature": TIMED, "x-time": ""}),
        (Way("bearer"), {"authorization": "Bearer"}),
        (Way("bearer"), {"authorization": "s3cret"}),
        (Way("bearer"), {"authorization": "Bearer s3cre"}),
        (Way("bearer"), basic("anybody:s3cret")),
        (Way("basic"), {"authorization": "Bearer s3cret"}),
        (Way("basic"), {"authorization": "Basic s3cret"}),
        (Way("basic"), {"authorization": "Basic \xe9"}),
        (Way("basic"), basic("s3cret")),
        (Way("basic"), basic("s3cret:")),
        (TOKEN, {"x-gitlab-token": ""}),
        (TOKEN, {}),
        (STANDARD, {}),
    ],
)
def test_what_proves_nothing_is_refused(way: Way, headers: dict[str, str]) -> None:
    """Without a signature, with another's, or in another form."""
    assert verify([way], headers, BODY, SECRET, NOW) is None


def test_the_vector_of_standard_webhooks_holds() -> None:
    """Among several signatures, with and without padding in the secret; the id is unique."""
    id_ = SIGNED["webhook-id"]
    for text in (SIGNED["webhook-signature"], f"v1a,x {SIGNED['webhook-signature']} v1,y"):
        headers = {**SIGNED, "webhook-signature": text}
        assert verify([STANDARD], headers, STANDARD_BODY, WHSEC, AT) == Proof(
            is_body_signed=True, unique=id_
        )
    key = base64.b64encode(b"k" * 31).decode()
    signed = f"{id_}.{AT}.".encode() + STANDARD_BODY
    digest = base64.b64encode(hmac.digest(b"k" * 31, signed, hashlib.sha256)).decode()
    headers = {**SIGNED, "webhook-signature": f"v1,{digest}"}
    for secret in (f"whsec_{key}", f"whsec_{key.rstrip('=')}", key):
        assert verify([STANDARD], headers, STANDARD_BODY, secret, AT) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "another"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": ""},
    ],
)
def test_what_standard_webhooks_sign_cannot_be_changed(change: dict[str, str]) -> None:
    """Id, time and body are signed together."""
    assert verify([STANDARD], SIGNED | change, STANDARD_BODY, WHSEC, AT) is None
    assert verify([STANDARD], SIGNED, STANDARD_BODY + b" ", WHSEC, AT) is None
    assert verify([STANDARD], SIGNED, STANDARD_BODY, "no base64 !", AT) is None


@pytest.mark.parametrize("offset", [-TOLERANCE_SECONDS - 1, TOLERANCE_SECONDS + 1])
def test_a_signed_time_holds_for_five_minutes(offset: int) -> None:
    """Both ways; a request that was signed long ago was sent again by somebody else."""
    timed = {"x-grafana-alerting-signature": TIMED, "x-time": "1700000000"}
    assert verify([TIME], timed, BODY, SECRET, NOW + offset) is None
    assert verify([STANDARD], SIGNED, STANDARD_BODY, WHSEC, AT + offset) is None
    nearly = offset - 1 if offset > 0 else offset + 1
    assert verify([TIME], timed, BODY, SECRET, NOW + nearly) is not None
    assert verify([STANDARD], SIGNED, STANDARD_BODY, WHSEC, AT + nearly) is not None


def test_a_signature_that_is_there_has_to_hold() -> None:
    """Never does a request fall back to a weaker way."""
    ways = (STANDARD, TOKEN)
    token = {"x-gitlab-token": WHSEC}
    assert verify(ways, token, STANDARD_BODY, WHSEC, AT) == Proof()
    wrong = {**SIGNED, **token, "webhook-signature": "v1,x"}
    assert verify(ways, wrong, STANDARD_BODY, WHSEC, AT) is None
    grafana = (TIME, PLAIN, Way("bearer"))
    wrong = {"x-grafana-alerting-signature": "0" * 64, "authorization": "Bearer s3cret"}
    assert verify(grafana, wrong, BODY, SECRET, NOW) is None
    assert verify(grafana, {**wrong, "x-time": "1700000000"}, BODY, SECRET, NOW) is None


def test_what_a_proof_says() -> None:
    """A body is signed or not; a time that is signed makes each signature another one."""
    proofs = {
        "body": verify([BARE], {"sentry-hook-signature": HEX}, BODY, SECRET, NOW),
        "time": verify([TIME], {"x-grafana-alerting-signature": TIMED, "x-time": str(NOW)}, BODY,
                       SECRET, NOW),
        "none": verify([Way("bearer")], {"authorization": "Bearer s3cret"}, BODY, SECRET, NOW),
    }  # fmt: skip
    assert proofs == {
        "body": Proof(is_body_signed=True),
        "time": Proof(is_body_signed=True, unique=TIMED),
        "none": Proof(),
    }
