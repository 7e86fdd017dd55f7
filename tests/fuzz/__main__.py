"""`PYTHONPATH=tests python -m fuzz`: what `make fuzz` runs."""

import asyncio
import logging
import secrets
import time

import click
from fuzz.fuzzer import Fuzzer, Violation
from rich.console import Console
from rich.table import Table


@click.command()
@click.option("--requests", default=50_000, show_default=True, help="How many to send.")
@click.option("--seed", type=int, help="The same seed sends the same requests; random when absent.")
def main(*, requests: int, seed: int | None) -> None:
    """Send requests made from the SDK's models into a simulator; fail at the first thing that must not be."""
    # An action that breaks off is logged with its traceback; expected refusals are not.
    logging.basicConfig(level=logging.ERROR)
    fuzzer = Fuzzer(secrets.randbits(32) if seed is None else seed)
    click.echo(f"seed {fuzzer.seed}")
    begun = time.monotonic()
    try:
        asyncio.run(fuzzer.run(requests))
    except Violation as violation:
        raise click.ClickException(str(violation)) from violation
    seconds = time.monotonic() - begun
    table = Table(title=f"{fuzzer.tally.total} requests in {seconds:.0f} s, no violation")
    table.add_column("outcome")
    table.add_column("requests", justify="right")
    for code, count in fuzzer.tally.outcomes.most_common():
        table.add_row(code, str(count))
    Console().print(table)


if __name__ == "__main__":
    main()
