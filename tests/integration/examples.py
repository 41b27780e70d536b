"""What the payloads of events/ name, put in its place: a webhook, tickets and all else."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
from pydantic import SecretStr

from actionsync import clock
from actionsync.connections.models import ConnectionChange, NewConnection
from actionsync.connections.service import create_connection, store_pending
from actionsync.stores.gates import Gate
from actionsync.stores.recent import RecentEvents
from actionsync.stores.sign_ins import SignIn
from actionsync.stores.waiting import WaitingItem, WaitKey
from actionsync.stores.webhooks import Webhook, WebhookStore
from actionsync.wiring import stores
from actionsync.wiring.stores import gate_store, waiting_store
from local.servicenow import seed
from local.servicenow.access import Application, Code
from tests.conftest import event, invoke
from tests.integration.keys import make_key, register

if TYPE_CHECKING:
    from local.servicenow import Simulator
    from tests.conftest import Aws

CALLER = "00000000-0000-4000-8000-000000000001"


def put_examples(aws: "Aws", simulator: "Simulator") -> None:
    """Put all that the payloads name; the caller has a connection."""
    put_example_tickets(simulator)
    put_example_webhook(aws)
    put_example_item()
    put_example_sign_in(simulator)
    put_example_gate()
    put_example_address()
    invoke("update_recipe", event("update_recipe", "valid"))


def put_example_webhook(aws: "Aws") -> None:
    """Put the webhook that the payloads are signed for."""
    store = WebhookStore(aws.dynamodb, "EventsTable", aws.secrets_manager, "actionsync/test/")
    webhook = Webhook("0123456789abcdef" * 2, CALLER, "github", "github")
    store.create(webhook, "made-up-webhook-secret")
    put_example_delivery(aws)


def put_example_delivery(aws: "Aws") -> None:
    """Put the delivery that the payloads send again."""
    event = {"source": "actionsync.github", "detail-type": "Application Error", "detail": {}}
    recent = RecentEvents(aws.dynamodb, "EventsTable")
    entry = {
        "at": clock.precise(clock.now()), "source": "github",
        "kind": "incident", "name": "Build", "outcome": "created",
        "ticket": {"number": "INC0010001", "url": "https://example.service-now.com"},
        "detail": "", "event": json.dumps(event), "webhook_id": "0123456789abcdef" * 2,
        "delivery": "fedcba9876543210" * 2,
    }  # fmt: skip
    recent.note(CALLER, entry, "0123456789abcdef" * 2)
    recent.put()


def put_example_sign_in(simulator: "Simulator", user_id: str = CALLER) -> None:
    """Put the connection that wants a person, and the sign-in that the payloads finish."""
    access, verifier = simulator.instance.access, "a-verifier"
    simulator.instance.add_application(Application("an-id", "a-secret"))
    if stores.connection_store().get(user_id, "person") is None:
        new = NewConnection(
            instance_url=simulator.url,
            auth_method="oauth_authorization_code",
            client_id="an-id",
            client_secret=SecretStr("a-secret"),
        )
        create_connection(stores.connection_store(), stores.secret_store(), user_id, new, "person")
    put_example_key(simulator, user_id)
    begun = SignIn(user_id, user_id, "person", verifier, "https://example.com/sign-in")
    stores.sign_in_store().begin("a-state", begun)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    code = Code("an-id", seed.INTEGRATION_USER, begun.redirect_uri, challenge, 10.0**12)
    access.codes["a-code"] = code


def put_example_key(simulator: "Simulator", user_id: str) -> None:
    """Put the connection that the payloads promote: another key is pending, which signs in."""
    connections, secrets = stores.connection_store(), stores.secret_store()
    new = NewConnection(
        instance_url=simulator.url,
        auth_method="oauth_jwt_bearer",
        username=seed.INTEGRATION_USER,
        client_id="an-id",
        client_secret=SecretStr("a-secret"),
        key_id="first",
    )
    old = connections.get(user_id, "keyed")
    old = old or create_connection(connections, secrets, user_id, new, "keyed")
    key_id = f"key-{old.version}"
    change = ConnectionChange(key_id=key_id, client_secret=SecretStr("a-secret"))
    stored = store_pending(connections, secrets, user_id, change, None, name="keyed")
    assert stored.pending is not None
    register(simulator, make_key(stored.pending.signing_key))


def put_example_item() -> None:
    """Put the event that the payloads retry and discard."""
    item = WaitingItem("0123456789abcdef" * 2, WaitKey(CALLER, table="incident"), "{}", 0)
    waiting_store().put_failed(replace(item, state="failed", reason="PermissionDenied"))


def put_example_address() -> None:
    """Put the address to which the payloads' caller has notices sent."""
    boto3.client("sns").create_topic(Name="notices")
    stores.address_store().save(CALLER, CALLER, "ada@example.com")


def put_example_gate() -> None:
    """Put the gate that the payloads read."""
    gate_store().add(
        Gate(
            "f3d2c1b0a9988776c1b0a99887766554", CALLER, "", "", "checkout", "production", "4711",
            "1", reason="CHG0030001 is in the state Assess", created_at=1, ends_at=2,
        )
    )  # fmt: skip


def put_example_tickets(simulator: "Simulator") -> None:
    """Put the tickets that the payloads name into the instance."""
    instance = simulator.instance
    instance.put(
        "incident",
        number="INC0010001",
        short_description="Checkout answers 500",
        state="1",
        incident_state="1",
        impact="2",
        urgency="1",
        priority="2",
    )
    instance.put(
        "change_request",
        number="CHG0030001",
        short_description="Deploy checkout 2.4.0",
        type="normal",
        state="-1",
    )
    instance.put("problem", number="PRB0040001", short_description="Payments time out at noon",
                 state="101", impact="2", urgency="2", priority="3")  # fmt: skip
    instance.put("sn_si_incident", number="SIR0010001", state="10", impact="2", urgency="1",
                 short_description="Keys of a build user were used from abroad")  # fmt: skip
    instance.put("change_task", number="CTASK0010001", short_description="Deploy", state="-5")
