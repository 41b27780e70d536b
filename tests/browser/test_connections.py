"""The Connections view in a real browser: several by name, and those of a team."""

from typing import TYPE_CHECKING

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from actionsync.stores.teams import TeamStore
from local.servicenow import seed
from operate.team import create
from tests.browser.conftest import has_no_barriers

if TYPE_CHECKING:
    from tests.browser.conftest import Person


def names(person: "Person") -> list[str]:
    """Return the names of the connections that are offered."""
    found = person.browser.find_elements(By.CSS_SELECTOR, "#connections-list button")
    return [button.text for button in found[:-1]]


def test_a_person_has_several_connections(person: "Person") -> None:
    """A second one gets a name; each is shown, tested and deleted by itself."""
    person.connects()
    assert names(person) == ["default"]
    person.press("#connections-list button:last-child")
    assert person.browser.switch_to.active_element.get_attribute("id") == "name"
    person.press("#save")
    person.sees("#name-error", "is missing")
    person.types_connection("closer", name="Not A Name")
    person.press("#save")
    person.sees("#name-error", "lower-case letters")
    person.type(name="closing")
    person.press("#save")
    person.sees("#outcome", "Saved")
    person.until(lambda: names(person) == ["closing", "default"])
    has_no_barriers(person)
    person.photograph("connections")

    person.press("#connections-list button:nth-child(2)")
    person.until(lambda: person.find("#username").get_attribute("value") == seed.INTEGRATION_USER)
    person.press("#connections-list button:nth-child(1)")
    person.until(lambda: person.find("#username").get_attribute("value") == "closer")
    person.press("#delete")
    person.find("#confirm").send_keys(Keys.ESCAPE)
    person.press("#delete")
    person.press("#confirm-yes")
    person.sees("#outcome", "deleted")
    person.until(lambda: names(person) == ["default"])

    person.choose("auth_method", "Client certificate")
    person.sees("label[for=private_key]", "Private key")
    person.choose("auth_method", "OAuth: a person signs in")
    person.sees("#auth_method-hint", "/sign-in")


def test_a_team_shares_what_it_has(person: "Person") -> None:
    """Its editor connects for it; a person whom it does not know is told so."""
    cloud = person.cloud
    cognito, pool = cloud.client("cognito-idp"), cloud.outputs["UserPoolId"]
    team = person.email.partition("@")[0]
    cognito.create_group(GroupName=f"{team}-leads", UserPoolId=pool)
    cognito.admin_add_user_to_group(
        UserPoolId=pool, Username=person.email, GroupName=f"{team}-leads"
    )
    store = TeamStore(cloud.client("dynamodb"), cloud.resource("ConnectionsTable"))
    create(store, team, {"members": (), "editors": (f"{team}-leads",), "machines": ()})
    person.signs_in()
    person.choose("owner", team)
    person.sees("#of-team", f"is the team's: {team}")
    person.until(person.find("#connection").is_displayed)
    person.types_connection()
    person.press("#save")
    person.sees("#outcome", "Saved.")
    has_no_barriers(person)
    stored = person.api("GET", f"connections?owner=team/{team}")
    assert [connection["name"] for connection in stored["connections"]] == ["default"]
    assert person.api("GET", "connections")["connections"] == []
    person.press("#try-incident")
    person.sees("#try-outcome", "was opened and resolved")
    person.opens(f"settings?owner=team/{team}#home")
    person.sees("#last-tickets a", "INC")

    person.opens("settings?owner=team/strangers#home")
    person.sees("#of-team", "no member of a team strangers")
