"""What the documents show besides Python: commands, configuration, pages.

A block says in what language it is, and each language has a test here; Python is looked at by
``test_documents.py`` and ``test_document_programs.py``. Commands are not run, since they would
install, serve and never end: their options are read by those who would read them.
"""

from __future__ import annotations

import argparse
import configparser
import importlib.util
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages import frontend
from twisted.application.reactors import getReactorTypes
from twisted.python import usage
from twisted.scripts.twistd import ServerOptions

from cyclone import cli
from cyclone.template import Template
from tests.documents import BLOCKS, DOCUMENTS, ROOT, Block, commands_of, where, without_blocks

#: Programs that are not ours, and whose arguments nobody here reads.
OTHERS = {
    *(".", "apt", "cd", "cp", "echo", "mkdir", "podman", "systemctl", "tee", "useradd"),
    "./start.sh",
}
#: What documents tell to install, besides cyclone.
PACKAGES = {"pytest", "requirements.txt", "stripe", ".", "./dist/cyclone_*.deb"}


# --- commands -------------------------------------------------------------------------------------


def read_cyclone(arguments: list[str]) -> None:
    name, *rest = arguments
    parser = argparse.ArgumentParser(exit_on_error=False)
    cli.COMMANDS[name][1](parser)
    _, unknown = parser.parse_known_args(rest)
    assert not unknown, f"cyclone {name} knows no {unknown}"


def read_twistd(arguments: list[str]) -> None:
    names = {reactor.shortName for reactor in getReactorTypes()}
    kept = []
    for argument in arguments:
        option, _, value = argument.partition("=")
        if option == "--reactor":  # it would be installed
            assert value in names, f"there is no reactor {value}"
        else:
            kept.append(argument)
    ServerOptions().parseOptions(kept)  # type: ignore[no-untyped-call]


def read_pip(arguments: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert arguments[0] == "install"
    for argument in arguments[1:]:
        name, _, wanted = argument.partition("[")
        if name.startswith("-"):
            continue
        assert name == "cyclone" or name in PACKAGES, f"nobody has tried to install {name}"
        missing = set(filter(None, wanted.rstrip("]").split(","))) - set(
            extras["optional-dependencies"]
        )
        assert not missing, f"there are no extras {missing}"


def read_make(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for argument in arguments:
        name, assignment, _ = argument.partition("=")
        pattern = rf"^{name} *[:?]?=" if assignment else rf"^{name}:"
        assert re.search(pattern, makefile, re.MULTILINE), f"the Makefile has no {name}"


def read_pybabel(arguments: list[str]) -> None:
    name, *rest = arguments
    command = frontend.CommandLineInterface()
    command._configure_command(name, rest)


def read_starter(arguments: list[str]) -> None:
    """Of a program that starts ours, with options of its own."""
    start = arguments.index("cyclone")
    assert wrong_command(arguments[start:]) == ""


def read_python(arguments: list[str]) -> None:
    kind, value, *rest = arguments
    if kind == "-c":
        compile(value, "<command>", "exec")
    elif value == "pip":
        read_pip(rest)
    else:
        assert kind == "-m", f"python {kind}"
        assert importlib.util.find_spec(value) is not None, f"there is no module {value}"


READERS: dict[str, Callable[[list[str]], None]] = {
    "cyclone": read_cyclone,
    "cyclone-twistd": read_twistd,
    "make": read_make,
    "pip": read_pip,
    "pybabel": read_pybabel,
    "python": read_python,
    "python3": read_python,
    "systemd-socket-activate": read_starter,
    "twistd": read_twistd,
}


def wrong_command(command: list[str]) -> str:
    """What is wrong with a command, or nothing."""
    name, *arguments = command
    if name in OTHERS:
        return ""
    if name not in READERS:
        return f"nobody knows {name}"
    try:
        READERS[name](arguments)
    except (AssertionError, argparse.ArgumentError, usage.UsageError, SyntaxError) as error:
        return f"{shlex.join(command)}: {error}"
    except (SystemExit, KeyError, ValueError):
        return f"{shlex.join(command)}: wrong arguments"
    return ""


COMMANDS = [block for block in BLOCKS if block.language in ("sh", "console")]


@pytest.mark.parametrize("block", COMMANDS, ids=where)
def test_commands_are_understood(block: Block) -> None:
    commands = commands_of(block)
    assert commands
    assert [wrong for command in commands if (wrong := wrong_command(command))] == []


def commands_in_prose(text: str) -> list[str]:
    """Commands of ours in the text, as far as nothing is left out of them."""
    found = re.findall(r"`((?:cyclone (?:run|app|secret)|make|twistd -n) [^`]+)`", text)
    return [command for command in found if not re.search(r"\.\.\.|[A-Z]{4}", command)]


def test_commands_in_the_text_are_understood() -> None:
    wrong, seen = [], 0
    for path in DOCUMENTS:
        for line in commands_in_prose(without_blocks(path.read_text("utf-8"))):
            seen += 1
            words = shlex.split(line.partition(" > ")[0])
            if words[:2] == ["cyclone", "run"] and all(w.startswith("-") for w in words[2:]):
                words.append("app.py")  # it is about the options
            wrong += [f"{path.name}: {why}" for why in [wrong_command(words)] if why]
    assert wrong == []
    assert seen > 20


READMES = sorted((ROOT / "demos").rglob("README.md"))
OURS = re.compile(r"^    ((?:cyclone|make|pip|pybabel|python|twistd) .*)$", re.MULTILINE)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_commands_of_demos_are_understood(readme: Path) -> None:
    """They are indented there."""
    wrong = []
    for line in OURS.findall(readme.read_text("utf-8").replace("\\\n", " ")):
        command = shlex.split(line.removesuffix(" &"))
        if command[0] == "python" and command[1].endswith(".py"):
            wrong += [] if (readme.parent / command[1]).is_file() else [line]
        elif command[0] == "cyclone" and not (readme.parent / command[2]).exists():
            wrong.append(line)
        else:
            wrong += filter(None, [wrong_command(command)])
    assert wrong == []


# --- configuration --------------------------------------------------------------------------------


def blocks_in(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def sections_of(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser


def is_environment(block: Block) -> bool:
    return "/etc/default/" in block.text


def is_mapping(block: Block) -> bool:
    return "[cyclone: " in block.text


UNITS = [b for b in blocks_in("ini") if not is_environment(b) and not is_mapping(b)]


@pytest.mark.parametrize("block", blocks_in("ini"), ids=where)
def test_configuration_is_understood(block: Block) -> None:
    if is_mapping(block):
        methods, _ = frontend.parse_mapping_cfg(io.StringIO(block.text))
        assert {method for _, method in methods} <= {"python", "cyclone"}
        return
    if is_environment(block):
        variables = sections_of(f"[x]\n{block.text}")["x"]
        units = "".join(path.read_text() for path in (ROOT / "debian").glob("cyclone@.*"))
        assert all(f"${{{name}}}" in units or f"${name}" in units for name in variables)
        read_cyclone(["run", *shlex.split(variables["CYCLONE_OPTIONS"]), variables["CYCLONE_APP"]])
        return
    unit = sections_of(block.text)
    assert set(unit) <= {"DEFAULT", "Unit", "Service", "Socket", "Install"}
    if unit.has_option("Service", "ExecStart"):
        program, *arguments = shlex.split(unit["Service"]["ExecStart"])
        assert Path(program).name == "cyclone"
        read_cyclone([argument.replace("%i", "0") for argument in arguments])
        # The application is found there.
        assert unit["Service"]["WorkingDirectory"] == "/srv/hello"


def test_systemd_understands_the_units(tmp_path: Path, program: Callable[..., str]) -> None:
    def verify(units: dict[str, str]) -> str:
        for name, text in units.items():
            (tmp_path / name).write_text(text)
        done = subprocess.run(
            [program("systemd-analyze"), "verify", "--man=no", *map(str, tmp_path.iterdir())],
            capture_output=True,
            text=True,
            timeout=30,
        )
        return "\n".join(line for line in done.stderr.splitlines() if "hello" in line)

    units = {}
    for block in UNITS:
        found = re.match(r"# /etc/systemd/system/([\w@]+\.\w+)", block.text)
        name = found[1] if found else f"hello-{block.line}.socket"
        text = block.text.replace("/srv/hello/venv/bin/cyclone", sys.executable)
        # Debian 12 has systemd 252, as the page says.
        text = text.replace("Type=notify-reload", "Type=notify")
        units[name.replace("@.", "@0.")] = text.replace("/srv/hello", str(tmp_path))
        if not found:
            units[f"hello-{block.line}.service"] = "[Service]\nExecStart=/bin/true\n"
    assert len(units) > 3
    assert verify(units) == ""
    assert "Restrat" in verify({"hello.service": units["hello.service"] + "[Service]\nRestrat=no"})


@pytest.mark.parametrize("block", blocks_in("nginx"), ids=where)
def test_nginx_understands_its_configuration(
    block: Block, tmp_path: Path, program: Callable[..., str]
) -> None:
    text = re.sub(r"ssl_certificate(_key)? .*;", "", block.text)
    text = text.replace("listen 443 ssl;", "listen 127.0.0.1:65000;")
    if text.startswith("location"):
        text = f"server {{\nlisten 127.0.0.1:65000;\n{text}\n}}"
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{text}\n}}\n"
    )
    done = subprocess.run(
        [program("nginx"), "-t", "-p", tmp_path, "-e", "stderr", "-c", "nginx.conf"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "test is successful" in done.stderr, done.stderr


INSTRUCTIONS = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "STOPSIGNAL", "CMD"}


@pytest.mark.parametrize("block", blocks_in("dockerfile"), ids=where)
def test_images_are_understood(block: Block) -> None:
    lines = [line.split(maxsplit=1) for line in block.text.splitlines() if line]
    assert {instruction for instruction, _ in lines} <= INSTRUCTIONS
    commands = [text for instruction, text in lines if instruction == "RUN"]
    commands += [
        shlex.join(json.loads(text)) for instruction, text in lines if instruction == "CMD"
    ]
    for command in commands:
        for part in command.split(" && "):
            assert wrong_command(shlex.split(part)) == ""


# --- the rest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", blocks_in("json"), ids=where)
def test_json_is_json(block: Block) -> None:
    assert isinstance(json.loads(block.text), dict)


@pytest.mark.parametrize("block", blocks_in("html"), ids=where)
def test_pages_are_templates(block: Block) -> None:
    Template(block.text)


def test_every_block_has_a_language_that_is_looked_at() -> None:
    known = {"python", "pycon", "sh", "console", "ini", "nginx", "json", "html"}
    known |= {"dockerfile", "text"}
    others = {block.where: block.language for block in BLOCKS if block.language not in known}
    # Directives of Sphinx, and the one script, which tests/browser runs in a page.
    left = {place: name for place, name in others.items() if not name.startswith("{")}
    assert set(left.values()) == {"js"}
    assert len(left) == 1


def test_text_is_not_code() -> None:
    """Blocks that nobody looks at are pictures and trees of files."""
    text = [block for block in blocks_in("text") if re.search(r"^[$#>]|^\w+=", block.text, re.M)]
    assert text == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_block_is_hidden_by_being_indented(path: Path) -> None:
    """A block that is indented instead of fenced has no language."""
    text = re.sub(r"<!--.*?-->", "", without_blocks(path.read_text("utf-8")), flags=re.DOTALL)
    assert re.findall(r"(?:^\n|\A)    (?![-*0-9 ]).*$", text, re.MULTILINE) == []


# --- the checks can fail --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "cyclone run app.py --wrokers=2",
        "cyclone run app.py --workers=many",
        "cyclone app --projcet=x",
        "cyclone sevre",
        "twistd -n cyclone --app=a.B --nope",
        "twistd --nope cyclone",
        "twistd --reactor=quick cyclone",
        "twistd --logger=cyclone.log.nothing cyclone",
        "pip install cyclon",
        "pip install 'cyclone[redsi]'",
        "python -m pip install cyclon",
        "python -m cyclone.nothing",
        "python -c 'import'",
        "make tset",
        "make run PROT=8888",
        "pybabel exctract",
        "pybabel extract --nope .",
        "sudo foo",
        "curl_ x | tee y",
    ],
)
def test_a_wrong_command_is_noticed(line: str) -> None:
    commands = commands_of(Block("d", 1, "console", f"$ {line}\n"))
    assert [wrong for command in commands if (wrong := wrong_command(command))]


def test_commands_are_found() -> None:
    text = "$ A=b sudo make run \\\n    HOST=x  # word\n\n$ echo x | tee y\n"
    assert commands_of(Block("d", 1, "console", text)) == [
        ["make", "run", "HOST=x"],
        ["echo", "x"],
        ["tee", "y"],
    ]
    with pytest.raises(AssertionError, match="output"):
        commands_of(Block("d", 1, "console", "$ make run\nserving\n"))
    assert commands_in_prose("`cyclone run x` `make docs` `make ...` `twistd -n cyclone`") == [
        "cyclone run x",
        "make docs",
        "twistd -n cyclone",
    ]
