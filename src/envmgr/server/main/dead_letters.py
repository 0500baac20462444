"""`envmgr-alm dead-letters`: list, show and retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import EnvmgrError
from envmgr.server.kit.common.failures import describe
from envmgr.server.main.offline import format_command, run_offline
from envmgr.server.main.output import print_error, print_line

if TYPE_CHECKING:
    import argparse

    from envmgr.server.kit.messaging.dead_letters import DeadLetter
    from envmgr.server.main.offline import OfflineServices


NO_DEAD_LETTERS = "no dead letters"


def list_all(options: argparse.Namespace) -> int:
    """List all dead letters."""
    from msgspec.json import encode
    from msgspec.structs import asdict

    dead_letters = run_offline(options, _all)
    if options.json:
        for name, dead_letter in dead_letters:
            print_line(encode({**asdict(dead_letter), "id": name}).decode())
        return 0
    if not dead_letters:
        print_line(NO_DEAD_LETTERS)
    for name, dead_letter in dead_letters:
        print_line(
            f"{name}  {dead_letter.failed_at}  {dead_letter.event.type} {dead_letter.event.subject} "
            f"to {dead_letter.consumer}: {dead_letter.error}"
        )
    return 0


def show(options: argparse.Namespace) -> int:
    """Show a dead letter and its event."""
    from msgspec.json import encode
    from msgspec.json import format as spread

    matching = [dead_letter for name, dead_letter in run_offline(options, _all) if name == options.id]
    if not matching:
        raise _not_found(options)
    print_line(spread(encode(matching[0]), indent=2).decode())
    return 0


def retry(options: argparse.Namespace) -> int:
    """Retry one dead letter, or all."""

    async def retry_all(services: OfflineServices) -> int:
        failures = 0
        dead_letters = [pair for pair in await _all(services) if options.all or pair[0] == options.id]
        if not dead_letters and not options.all:
            raise _not_found(options)
        if not dead_letters:
            print_line(NO_DEAD_LETTERS)
        for name, dead_letter in dead_letters:
            try:
                await services.dead_letters(name.partition(":")[0]).retry(dead_letter.id)
            except Exception as error:  # noqa: BLE001 - any error of the consumer is reported
                failures += 1
                print_error(
                    f"retry of {name} failed: {describe(error)}",
                    f"run `{format_command(options, f'dead-letters show {name}')}`, fix the cause and retry",
                )
            else:
                print_line(f"{name} retried successfully")
        return 1 if failures else 0

    return run_offline(options, retry_all)


def _not_found(options: argparse.Namespace) -> EnvmgrError:
    hint = f"run `{format_command(options, 'dead-letters list')}` to list them"
    return EnvmgrError(f"dead letter {options.id} not found", hint)


async def _all(services: OfflineServices) -> list[tuple[str, DeadLetter]]:
    return [
        (f"{module.name}:{dead_letter.id}", dead_letter)
        for module in services.modules
        for dead_letter in await module.dead_letters.all()
    ]
