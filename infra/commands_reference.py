"""Every `hallmark` command with its arguments and options, as Markdown, read from the command itself."""

import typing
from collections.abc import Iterator

from infra.params_reference import table_cell


def commands_reference() -> str:
    """One section for each command, with its arguments and options."""
    import typer

    from flows.cli.main import app

    found = commands(typer.main.get_command(app), "hallmark")
    return "\n".join(command_section(path, command) for path, command in found)


def commands(command: typing.Any, path: str) -> Iterator[tuple[str, typing.Any]]:
    """Every command below one that does something itself, with the words that call it."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, child in inner.items():
        if not child.hidden:
            yield from commands(child, f"{path} {name}")


def command_section(path: str, command: typing.Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    words = [path, *(argument_in_words(one) for one in arguments), *(["[OPTIONS]"] if options else [])]
    lines = [f"## `{' '.join(words)}`\n", " ".join((command.help or "").split()) + "\n"]
    if options or arguments:
        lines += ["| | meaning |", "|---|---|"]
        lines += [f"| `{argument_in_words(one)}` | {table_cell(one.help or '')} |" for one in arguments]
        lines += [f"| {option_in_words(one)} | {table_cell(one.help or '')} |" for one in options]
    return "\n".join(lines).rstrip() + "\n"


def argument_in_words(argument: typing.Any) -> str:
    name = (argument.metavar or argument.name).upper().strip("[]")
    return name if argument.required else f"[{name}]"


def option_in_words(option: typing.Any) -> str:
    """`--port PORT`, with what is special about it: that it must be given, may be repeated, or has a default."""
    value = "" if option.is_flag else " " + (option.metavar or option.name.rpartition("_")[2].upper())
    default = None if option.is_flag or option.required else option.default
    special = ["must be given"] * option.required + ["repeatable"] * option.multiple
    special += [f"default {default}"] * (default is not None)
    words = " / ".join(f"`{name}{value}`" for name in [*option.opts, *option.secondary_opts])
    return ", ".join([words, *special])
