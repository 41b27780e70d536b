"""The parts of the pages' JavaScript that need no browser, in Node."""

import json
import shlex
import shutil
import subprocess
from typing import Any
from unittest import mock

import httpx
import pytest

from tests.template import ROOT

PAGES = ROOT / "layers/actionsync/actionsync/pages"
# What the modules ask a browser for as they are loaded.
BROWSER = """
globalThis.location = new URL("https://api.example.com/settings");
globalThis.BroadcastChannel = class {};
"""
BODY: dict[str, Any] = {
    "text": 'it\'s \U0001f600 é\n"quoted" \\ud83d $HOME `ls` %s',
    "list": [1, None, True, False, {}, [], 1.5, -0.25],
    "nested": {"a b": {"c": ["\u2028", "\x7f"]}},
}

pytestmark = pytest.mark.needs("node")


def node(script: str) -> Any:
    """Run a module's script, and return what it has put into `result`."""
    done = subprocess.run(  # noqa: S603 - our own code
        [shutil.which("node") or "node", "--input-type=module"],
        input=f"{BROWSER}{script}\nconsole.log(JSON.stringify(result));",
        capture_output=True,
        text=True,
        check=False,
        cwd=PAGES,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_samples_say_exactly_the_call() -> None:
    """Python and a shell read from the samples what was typed, whatever letters it has."""
    request = {
        "method": "POST",
        "url": "https://api.example.com/x?a='b'&c=$d",
        "headers": {"Authorization": "Bearer t", "Idempotency-Key": "it's"},
        "body": json.dumps(BODY, ensure_ascii=False),
    }
    curl, python, plain = node(
        f"""
        const {{ curlOf, pythonOf }} = await import("{(PAGES / "samples.js").as_uri()}");
        const request = {json.dumps(request)};
        const plain = {{ ...request, body: "no JSON é" }};
        const result = [curlOf(request), pythonOf(request), pythonOf(plain)];
        """
    )
    assert shlex.split(curl.replace("\\\n", " ")) == [
        "curl", "--fail-with-body", "-X", "POST", request["url"],
        "-H", "Authorization: Bearer t", "-H", "Idempotency-Key: it's",
        "--data-binary", request["body"],
    ]  # fmt: skip
    for sample, sent in ((python, {"json": BODY}), (plain, {"content": "no JSON é".encode()})):
        with mock.patch.object(httpx, "request") as called:
            exec(sample, {})  # noqa: S102 - the sample is what is tested
        called.assert_called_once_with("POST", request["url"], headers=request["headers"], **sent)


def test_a_picker_is_led_by_keys() -> None:
    """The arrows go round; what has the label of another is written by its value."""
    twins = [{"label": "Web", "value": "1"}, {"label": "web", "value": "2"}]
    alone = {"label": "Database", "value": "3"}
    result = node(
        f"""
        const {{ step, textOf }} = await import("{(PAGES / "picker.js").as_uri()}");
        const all = {json.dumps([*twins, alone])};
        const result = [
          ...["ArrowDown", "ArrowUp"].map((key) => [-1, 0, 2].map((at) => step(key, at, 3))),
          step("ArrowDown", -1, 0), all.map((choice) => textOf(choice, all)),
        ];
        """
    )
    assert result == [[0, 1, 0], [2, 2, 1], -1, ["1", "2", "Database"]]


def test_a_replay_is_said_in_words() -> None:
    """How often each thing would have happened, in the order of the first."""
    outcomes = [{"outcome": name} for name in ("opened", "noted", "noted", "resolved")]
    result = node(
        f"""
        const {{ summary }} = await import("{(PAGES / "replay.js").as_uri()}");
        const result = [summary({json.dumps(outcomes)}), summary([])];
        """
    )
    assert result == ["opened, noted 2 times, resolved", "nothing"]


def test_a_problem_of_a_recipe_finds_its_field() -> None:
    """The API's paths lead to the field that a person typed it into."""
    paths = ["recipe.forms.0.key.0", "recipe", "triggers.1", "triggers.0", "end", "name", "event.x", "other"]  # fmt: skip # noqa: E501
    result = node(
        f"""
        const {{ fieldOf }} = await import("{(PAGES / "recipes.js").as_uri()}");
        const result = {json.dumps(paths)}.map(fieldOf);
        """
    )
    assert result == [
        "recipe-text", "recipe-text", "recipe-triggers-1", "recipe-triggers-0", "recipe-end",
        "recipe-name", "recipe-triggers-0", "",
    ]  # fmt: skip


def test_certificates_and_keys_are_found_in_files() -> None:
    """All certificates of a chain, and the key of whatever kind; nothing else."""

    def block(kind: str, text: str) -> str:
        return f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n"

    key = block("EC PRIVATE KEY", "Proc-Type: 4\n\nkey")
    chain = [block("CERTIFICATE", name) for name in ("own", "authority")]
    texts = [f"Bag\n{chain[0]}{key}\r\n{chain[1]}end", block("PUBLIC KEY", "x"), "no PEM"]
    result = node(
        f"""
        const {{ pemOf }} = await import("{(PAGES / "pending.js").as_uri()}");
        const result = {json.dumps(texts)}.map(pemOf);
        """
    )
    nothing = {"certificate": "", "private_key": ""}
    assert result == [{"certificate": "".join(chain), "private_key": key}, nothing, nothing]


@pytest.mark.parametrize("file", sorted(PAGES.glob("*.js")), ids=lambda file: file.name)
def test_every_module_is_one(file: Any) -> None:
    """What a module imports from another is there."""
    if file.name in {"settings.js", "docs.js", "sign-in.js"}:  # they begin at once
        pytest.skip("the browser tests begin it")
    assert node(f'const result = Object.keys(await import("{file.as_uri()}"));')


@pytest.mark.parametrize(
    ("kind", "cause", "said"),
    [
        ("api", "create incident", ["Opened by a call"]),
        ("incident", "checkout", ["checkout", "Incident"]),
        ("incident", "", ["Incident"]),
    ],
)
def test_home_says_what_opened_a_ticket(kind: str, cause: str, said: list[str]) -> None:
    """An event's name and kind; of a call not the name of its operation."""
    script = 'const { opener } = await import("./home.js");'
    record = json.dumps({"kind": kind, "cause": cause})
    assert node(f"{script}\nconst result = opener({record});") == said
