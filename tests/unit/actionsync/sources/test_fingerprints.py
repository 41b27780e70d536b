"""Which errors are one: by the innermost frames of one's own code, in each language's order."""

import pytest

from actionsync.events.sources.fingerprints import fingerprint

TOMCAT = "\n".join(
    f"\tat org.apache.catalina.core.Valve{number}.invoke(Valve.java:{number})"
    for number in range(20)
)


def java(*frames: str) -> str:
    """Return a trace of Java, below twenty frames of Tomcat."""
    own = "\n".join(f"\tat com.example.{frame}(Source.java:12)" for frame in frames)
    return f"java.lang.NullPointerException\n{own}\n{TOMCAT}"


def python(*frames: str, error: str = "KeyError: 'price'") -> str:
    """Return a trace of Python; the innermost frame is the last."""
    lines = "\n".join(
        f'  File "/srv/shop/{frame}.py", line 12, in {frame}\n    x()' for frame in frames
    )
    return f"Traceback (most recent call last):\n{lines}\n{error}"


def express(place: str) -> str:
    """Return a trace of Node, below the frames of Express."""
    return (
        f"TypeError: x is not a function\n    at {place}\n"
        "    at Layer.handle [as handle_request] (/app/node_modules/express/lib/layer.js:95:5)\n"
        "    at next (/app/node_modules/express/lib/router/route.js:149:13)\n"
        "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"
    )


def dotnet(method: str) -> str:
    """Return a trace of .NET."""
    return (
        f"System.NullReferenceException: Object reference not set\n   at Shop.{method}(Int32 id) "
        "in C:\\Shop\\Card.cs:line 12\n"
        "   at Microsoft.AspNetCore.Mvc.Controller.Invoke(Object x)\n"
        "   at System.Threading.Tasks.Task.Run()"
    )


PHP = "PHP Error\n#0 /srv/{0}.php(12): {0}->charge()\n#1 /srv/vendor/laravel/x.php(3): App->run()"
RUBY = "boom (RuntimeError)\n/srv/{0}.rb:12:in `charge'\n\tfrom /usr/lib/ruby/gems/x.rb:3:in `run'"
GO = "panic: boom\n\ngoroutine 1 [running]:\nmain.{0}(0x1)\n\t/srv/a.go:12 +0x1\nruntime.main()\n"
RUST = (
    "thread 'main' panicked at src/x.rs:5:5:\nboom\nstack backtrace:\n   0: rust_begin_unwind\n"
    "             at /rustc/abc/library/std/src/panicking.rs:645:5\n   1: core::panicking::fmt\n"
    "             at /rustc/abc/library/core/src/panicking.rs:72:14\n   2: shop::card::{0}\n"
    "             at ./src/card.rs:{1}:5"
)
ELIXIR = "** (KeyError) key\n    (shop 0.1.0) lib/shop/card.ex:{1}: Shop.Card.{0}/1"
PERL = "Died at lib/X.pm line 1.\n\tShop::Card::{0}('abc', 1) called at lib/Pay.pm line {1}"
FIREFOX = "{0}@https://shop.example/main.abc{1}12345.js:1:{1}"
CHROME = (
    "TypeError: x\n    at {0} (https://shop.example/main.abc{1}12345.js:1:200)\n"
    "    at https://shop.example/vendor.abc{1}12345.js:1:3"
)
GROUP = (
    "  + Exception Group Traceback (most recent call last):\n"
    '  |   File "/app/a.py", line {1}, in {0}\n  | ExceptionGroup: many (1 sub-exception)\n'
    "  +-+---------------- 1 ----------------\n    | ValueError: 1\n    +------------------------"
)
KOTLIN = "x.Y\n\tat com.acme.CardKt.{0}(Card.kt:{1})\n\tat kotlinx.coroutines.Task.run(Task.kt:1)"
MODULE = (
    "x.Y\n\tat java.base/java.lang.Thread.run(Thread.java:1)\n\tat app//shop.Card.{0}(A.java:{1})"
)
TRACES = [RUST, ELIXIR, PERL, FIREFOX, CHROME, GROUP, KOTLIN, MODULE]


@pytest.mark.parametrize("trace", TRACES)
def test_each_language_names_its_functions(trace: str) -> None:
    """Two functions are two errors, whatever lines and hashes a release moves."""
    first, moved, other = (
        trace.format("charge", 1),
        trace.format("charge", 2),
        trace.format("open", 1),
    )
    assert fingerprint("x", first) == fingerprint("x", moved)
    assert fingerprint("x", first) != fingerprint("x", other)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (java("payment.Card.charge"), java("login.Session.open")),
        (python("main", "charge"), python("main", "refund")),
        (express("charge (/app/card.js:12:5)"), express("open (/app/login.js:7:1)")),
        (express("/app/card.js:12:5"), express("/app/login.js:12:5")),
        (dotnet("Card.Charge"), dotnet("Session.Open")),
        (PHP.format("Card"), PHP.format("Login")),
        (RUBY.format("card"), RUBY.format("login")),
        (GO.format("charge"), GO.format("open")),
        (python("charge"), python("charge", error="KeyError: 'card'")),
        (java("A.b") + "\nCaused by: x.Y\n\tat com.example.C.d(C.java:1)",
         java("A.b") + "\nCaused by: x.Y\n\tat com.example.E.f(C.java:1)"),
    ],
)  # fmt: skip
def test_other_places_are_other_errors(first: str, second: str) -> None:
    """The same message at two places of one's own code."""
    assert fingerprint("Internal error", first) != fingerprint("Internal error", second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (java("Card.charge"), java("Card.charge").replace("java:12", "java:15")),
        (java("Card.charge"), java("Card.charge").replace(TOMCAT, TOMCAT[:200])),
        (python("a", "b", "c", "d"), python("z", "b", "c", "d")),
        (express("charge (/app/card.js:12:5)"), express("charge (/app/card.js:14:9)")),
        (dotnet("Card.Charge"), dotnet("Card.Charge").replace("line 12", "line 31")),
        (java("Card.lambda$0"), java("Card.lambda$7")),
    ],
)
def test_the_same_place_is_the_same_error(first: str, second: str) -> None:
    """A release moves lines, a framework's frames and far callers change nothing."""
    assert fingerprint("Internal error", first) == fingerprint("Internal error", second)


def test_numbers_in_a_message_do_not_count() -> None:
    """Order numbers, addresses and ids are another each time."""
    assert fingerprint("Payment 4711 of 3fa85f64-5717-4562-b3fc-2c963f66afa6 failed", "") == (
        fingerprint("Payment 4712 of 9b2c1d00-1111-4222-8333-444455556666 failed", "")
    )
    for first, second in (
        ("Pod shop-7d9f8b6c5d-x2x9z failed", "Pod shop-55c4fbb6d7-q4zlm failed"),
        ("User ada@example.com is unknown", "User bob@example.org is unknown"),
        ("Request req_8fK2jLm9Qx failed", "Request req_1aB3cD4eF5 failed"),
        ("<Card object at 0x7f12ab34>", "<Card object at 0x7fffff00>"),
        ("[2026-01-10T10:00:00.123Z] 10.0.0.1:5432", "[2026-02-11T11:00:00Z] 10.1.1.12:80"),
    ):  # fmt: skip
        assert fingerprint(first, "") == fingerprint(second, "")
    assert fingerprint("a", "") != fingerprint("b", "")
    assert fingerprint("a", "", "staging") != fingerprint("a", "", "production")


def test_nothing_is_cut_before() -> None:
    """Two long traces that differ at their end, where Python has the failing frame."""
    deep = ["f"] * 400
    assert fingerprint("x", python(*deep, "charge")) != fingerprint("x", python(*deep, "refund"))


def test_a_trace_of_a_framework_alone_still_counts() -> None:
    """Where nothing is one's own, the innermost frames of all decide."""
    first = "x\n\tat org.apache.a.B.c(B.java:1)"
    assert fingerprint("x", first) != fingerprint("x", first.replace("B.c", "D.e"))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        "ab@" * 100_000,
        "a1" * 150_000,
        "at " * 50_000,
        "(" * 100_000,
        "\n" * 200_000,
        'File "' * 30_000,
    ],
)
def test_any_text_is_read_in_no_time(text: str) -> None:
    """No pattern goes back and forth over what a stranger sent."""
    assert len(fingerprint(text, text)) == 32
