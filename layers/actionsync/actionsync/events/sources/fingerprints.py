"""What an error is recognised by, where its sender gives no fingerprint.

The same service, environment, kind of error and place in one's own code are the same error,
whatever numbers the message holds. A place is the innermost frames that belong to no framework;
line numbers do not count, since each release moves them, except where a function has no name.
"""

import re
from dataclasses import dataclass, replace

from actionsync.events.models import digest

_FRAMES = 3
_LONGEST_LINE = 500
_MOST_LINES = 2000

# What differs from one time to the next: addresses, numbers, hashes, names of pods, ids.
_NUMBERS = re.compile(
    r"\b[\w.+-]{1,64}@[\w.-]{1,255}"
    r"|\b[0-9a-f]{8,10}-[b-df-hj-np-tv-z24-9]{5}\b"
    r"|0x[0-9a-f]+|\b[0-9a-f]{8,}(?:-[0-9a-f]{4,}){0,4}"
    r"|\b[a-z_]+(?:\d+[a-z_]+){2,}\d*|\b(?:\d+[a-z_]+){2,}\d*|\d+(?:\.\d+)*",
    re.IGNORECASE,
)
# The line and column at the end of a place.
_LINE = re.compile(r"(?::\d+){1,2}$")
# Python names the innermost frame last; everybody else names it first.
_PYTHON = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)')
_INNERMOST_FIRST = (
    # Java: at com.example.Card.charge(Card.java:12); .NET: at Shop.Card.Charge(Int32 id) in /A.cs
    # Node: at async charge (/app/card.js:12:5)
    re.compile(r"at (?:async )?(?:new )?(?P<function>[^(]+?) ?\((?P<file>[^)]*)\).*"),
    # Rust: 2: shop::card::charge, and its place in the next line
    re.compile(r"\d+: (?:0x[0-9a-f]+ - )?(?P<function>[\w<][\w:<>{}#$ ,&]*)(?P<file>)"),
    # Elixir: (shop 0.1.0) lib/shop/card.ex:12: Shop.Card.charge/1
    re.compile(r"\(\w+ [\w.-]+\) (?P<file>[^\s:]+):(?P<line>\d+): (?P<function>.+)"),
    # Perl: Shop::Card::charge('abc', 1) called at lib/Pay.pm line 3
    re.compile(r"(?P<function>[\w:]+)\(.*\) called at (?P<file>\S+) line (?P<line>\d+)\.?"),
    # Firefox, Safari: charge@https://shop.example/main.js:1:200
    re.compile(r"(?P<function>[^@\s]*)@(?P<file>\S+?):(?P<line>\d+):\d+"),
    # Node: at /app/card.js:12:5, in a function without a name
    re.compile(r"at (?:async )?(?P<file>\S+?):(?P<line>\d+)(?::\d+)?(?P<function>)"),
    # PHP: #0 /app/Card.php(12): Card->charge()
    re.compile(r"#\d+ (?P<file>.+?)\((?P<line>\d+)\): (?P<function>[^(]+)\(.*"),
    # Ruby: from /app/card.rb:12:in `charge'
    re.compile(r"(?:from )?(?P<file>[^\s:]+\.rb):(?P<line>\d+):in [`'](?P<function>.+)'"),
    # Go: main.charge(0x1), and its place in the next line
    re.compile(r"(?P<function>[\w./*-]+\.(?:\(\*\w+\)\.)?\w+)\([^)]*\)(?P<file>)"),
)
_ANONYMOUS = re.compile(r"(?:Object\.)?<anonymous>|<lambda>|anonymous|")
# Code that is not one's own: its frames are the same below any error.
_FOREIGN = re.compile(
    r"^(?:[\w.]+/+)?(?:java|javax|jakarta|jdk|sun|com\.sun|kotlin|kotlinx|scala|akka|groovy)\."
    r"|^(?:org\.(?:apache|springframework|hibernate|eclipse|jboss|junit|glassfish|postgresql)"
    r"|io\.(?:netty|undertow|micrometer|projectreactor|quarkus|vertx|grpc)|reactor|com\.zaxxer"
    r"|com\.mysql|com\.fasterxml|ch\.qos|net\.sf|software\.amazon|com\.amazonaws)\."
    r"|^(?:System|Microsoft|MS|Newtonsoft|Npgsql)\."
    r"|^(?:runtime|net/http|reflect|sync|testing|database/sql|encoding/\w+)\."
    r"|node:|^internal/|node_modules/|site-packages[/\\]|dist-packages/|/lib/python\d"
    r"|^<frozen |/gems/|/lib/ruby/|/vendor/|/pkg/mod/|/usr/local/go/|\[internal function\]"
    r"|/awslambdaric/|^/var/runtime/"
    r"|^<?(?:core|std|alloc|tokio|hyper|rust_begin_unwind|__rust_\w+|_start|main)(?:::|$)|^/rustc/"
)


@dataclass(frozen=True, slots=True)
class _Frame:
    function: str
    file: str
    line: str

    @property
    def is_foreign(self) -> bool:
        return bool(_FOREIGN.search(self.function) or _FOREIGN.search(self.file))

    @property
    def place(self) -> str:
        file = _LINE.sub("", self.file)
        if _ANONYMOUS.fullmatch(self.function):
            return f"{_NUMBERS.sub('#', file)}:{self.line or self.file[len(file) :]}"
        return _NUMBERS.sub("#", f"{file} {self.function}")


def fingerprint(message: str, stack_trace: str, environment: str = "") -> str:
    """Return what an error is recognised by."""
    lines = _lines(stack_trace)
    if len(lines) > 2 * _MOST_LINES:
        lines = lines[:_MOST_LINES] + lines[-_MOST_LINES:]
    frames = _python(lines) or _others(lines)
    own = [frame for frame in frames if not frame.is_foreign] or frames
    first_line = message.strip().partition("\n")[0]
    return digest(
        _NUMBERS.sub("#", first_line),
        environment,
        _NUMBERS.sub("#", _exception(lines, is_python=bool(_python(lines)))),
        *(frame.place for frame in own[:_FRAMES]),
    )


def _lines(stack_trace: str) -> list[str]:
    """Return the lines of a trace, without the frame that Python draws around a group."""
    lines = (line.strip()[:_LONGEST_LINE] for line in stack_trace.splitlines())
    return [line.lstrip("|+- ") if line.startswith(("|", "+")) else line for line in lines]


def exception_of(stack_trace: str) -> str:
    """Return the line of a trace that names the exception, or nothing without one."""
    lines = _lines(stack_trace)
    return _exception(lines, is_python=bool(_python(lines)))


def _exception(lines: list[str], *, is_python: bool) -> str:
    """Return the line of a trace that names the exception: Python's is its last, others' first."""
    named = [line for line in lines if line]
    if not named:
        return ""
    return named[-1] if is_python else named[0]


def _python(lines: list[str]) -> list[_Frame]:
    """Return the frames of a Python trace, the innermost first."""
    found = [match for line in lines if (match := _PYTHON.fullmatch(line))]
    return [_Frame(match["function"], match["file"], match["line"]) for match in reversed(found)]


def _others(lines: list[str]) -> list[_Frame]:
    """Return the frames of a trace, the innermost first, the last cause before what it caused."""
    causes: list[list[_Frame]] = [[]]
    for line in lines:
        if line.startswith("Caused by:"):
            causes.append([])
        for pattern in _INNERMOST_FIRST:
            if match := pattern.fullmatch(line):
                found = match.groupdict()
                frame = _Frame(found["function"].strip(), found["file"], found.get("line") or "")
                frames = causes[-1]
                if not frame.function and frames and not frames[-1].file:
                    frames[-1] = replace(frame, function=frames[-1].function)
                else:
                    frames.append(frame)
                break
    return [frame for cause in reversed(causes) for frame in cause]
