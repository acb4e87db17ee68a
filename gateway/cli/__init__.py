"""The command line: what an operator does to an installation.

Invariant: a refusal is one clear line on stderr and exit status 1, never a traceback; what
`--json` prints on stdout is for machines and nothing else goes there.
"""

import sys

import click
from sqlalchemy.exc import OperationalError

from gateway.cli.asking import member
from gateway.cli.audit import audit_trail
from gateway.cli.credentials import encryption_keys, operator_key, scim_token
from gateway.cli.demonstration import demo
from gateway.cli.organisations import domain, organisation, owner
from gateway.cli.people import person
from gateway.cli.policies import policies
from gateway.cli.running import migrate, serve, worker
from gateway.demo.options import DemoFailed
from gateway.domain.errors import GatewayError
from gateway.serving import StartFailed
from gateway.settings import SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gateway")
def commands() -> None:
    """Provision people from identity providers, and decide what they may do."""


for command in (
    demo,
    serve,
    worker,
    migrate,
    organisation,
    owner,
    domain,
    policies,
    scim_token,
    operator_key,
    encryption_keys,
    member,
    person,
    audit_trail,
):
    commands.add_command(command)


def main() -> None:
    """Run one command; refusals end in one line and status 1."""
    try:
        commands()
    except GatewayError as refusal:
        _fail(f"{refusal.message} ({refusal.code})", *refusal.levers)
    except (SettingsError, StartFailed, DemoFailed) as refusal:
        _fail(*str(refusal).splitlines())
    except OperationalError as error:
        _fail(f"The database cannot be reached: {' '.join(str(error.orig).split())}")


def _fail(*lines: str) -> None:
    for line in lines:
        click.echo(f"gateway: {line}", err=True)
    sys.exit(1)
