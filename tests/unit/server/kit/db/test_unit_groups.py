"""Groups of units: their sizes, and that no unit is left behind."""

from __future__ import annotations

import asyncio

import pytest

from envmgr.server.kit.db.postgresql import unit_groups
from envmgr.server.kit.db.postgresql.unit_groups import PendingUnit, UnitQueue

MAX_ROUNDS = 200


class Transactions:
    """Transactions whose units take some seconds each; it records the units of each."""

    def __init__(self, seconds, connections=6, first_seconds=0.0):
        self.sizes = []
        self.queue = UnitQueue(
            self._write, lambda work, context: asyncio.get_running_loop().create_task(work, context=context)
        )
        self._seconds, self._first_seconds = seconds, first_seconds
        self._connections = asyncio.Semaphore(connections)

    async def write_all(self, count):
        """Write a number of units that arrive together."""
        futures = [asyncio.get_running_loop().create_future() for _ in range(count)]
        for future in futures:
            self.queue.add(PendingUnit(lambda _transaction: None, future))
        await asyncio.gather(*futures)

    async def _write(self, group):
        async with self._connections:
            group.take_pending()
            for _unit in group.begin_units():
                await asyncio.sleep(
                    self._seconds if group.units[1:] else self._first_seconds or self._seconds
                )
            self.sizes.append(len(group.units))
            group.resolve()


def sizes_of(seconds, counts):
    """Return the sizes of groups for numbers of units that arrive together, each after the one before."""

    async def main():
        transactions = Transactions(seconds)
        for count in counts:
            await asyncio.wait_for(transactions.write_all(count), 60)
        return transactions.sizes

    return asyncio.run(main())


async def write_as_one_group(transactions, count):
    """Write units that arrive together until they are one group.

    A busy machine measures more than they take.
    """
    for _ in range(MAX_ROUNDS):
        await asyncio.wait_for(transactions.write_all(count), 60)
        if transactions.sizes[-1] == count:
            return
    raise AssertionError(f"the units are never one group: {transactions.sizes[-20:]}")


def test_units_that_take_little_time_are_written_in_few_groups():
    async def main():
        transactions = Transactions(0)
        await write_as_one_group(transactions, 20)
        assert sum(transactions.sizes) % 20 == 0

    asyncio.run(main())


def test_units_that_take_long_are_written_side_by_side():
    sizes = sizes_of(unit_groups.EXPECTED_GROUP_SECONDS, [20] * 3)
    assert sum(sizes) == 60
    assert max(sizes) < 10
    assert max(sizes[-10:]) <= unit_groups.MIN_GROUP_UNITS


def test_the_first_unit_does_not_count_as_it_waits_for_what_all_need():
    async def main():
        transactions = Transactions(0, first_seconds=unit_groups.EXPECTED_GROUP_SECONDS)
        await write_as_one_group(transactions, 10)

    asyncio.run(main())


@pytest.mark.parametrize("connections", [1, 6])
def test_units_that_a_group_returned_are_written_though_no_other_arrives(connections):
    async def main():
        transactions = Transactions(1.5 * unit_groups.MAX_GROUP_SECONDS, connections)
        await asyncio.wait_for(transactions.write_all(7), 60)
        assert sum(transactions.sizes) == 7

    asyncio.run(main())
