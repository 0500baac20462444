"""`envmgr-alm dead-letters`: what failed for good, and handing it over once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import EnvmgrError
from envmgr.server.main.offline import offline
from envmgr.server.main.output import fail, say

if TYPE_CHECKING:
    import argparse

    from envmgr.server.bootstrap import Services
    from envmgr.server.kit.messaging.dead_letters import DeadLetter


def show_all(options: argparse.Namespace) -> int:
    """List them."""
    from msgspec.json import encode
    from msgspec.structs import asdict

    letters = offline(options, _all)
    if options.json:
        for name, letter in letters:
            say(encode({**asdict(letter), "id": name}).decode())
        return 0
    if not letters:
        say("no dead letters")
    for name, letter in letters:
        say(
            f"{name}  {letter.at}  {letter.event.type} {letter.event.subject} to {letter.consumer}: {letter.error}"
        )
    return 0


def show(options: argparse.Namespace) -> int:
    """Show one, with its event."""
    from msgspec.json import encode
    from msgspec.json import format as spread

    found = [letter for name, letter in offline(options, _all) if name == options.id]
    if not found:
        raise _no_letter(options.id)
    say(spread(encode(found[0]), indent=2).decode())
    return 0


def retry(options: argparse.Namespace) -> int:
    """Hand one over once more, or all of them."""

    async def again(services: Services) -> int:
        left = 0
        letters = [pair for pair in await _all(services) if options.all or pair[0] == options.id]
        if not letters and not options.all:
            raise _no_letter(options.id)
        for name, letter in letters:
            try:
                await services.letters(name.partition(":")[0]).retry(letter.id)
            except Exception as error:  # noqa: BLE001 - it is what the consumer says, and somebody asked for it
                left += 1
                fail(
                    f"{name} cannot be taken: {type(error).__name__}: {error}",
                    f"`envmgr-alm dead-letters show {name}` shows it: mend what is broken, and retry",
                )
            else:
                say(f"{name} is done")
        return 1 if left else 0

    return offline(options, again)


def _no_letter(name: str) -> EnvmgrError:
    return EnvmgrError(f"there is no dead letter {name}", "`envmgr-alm dead-letters list` shows them")


async def _all(services: Services) -> list[tuple[str, DeadLetter]]:
    return [
        (f"{module.name}:{letter.id}", letter)
        for module in services.modules
        for letter in await module.dead_letters.all()
    ]
