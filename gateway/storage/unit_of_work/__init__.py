"""Units of work: one request, one transaction.

Invariant: nothing outside this package commits.
"""

from gateway.storage.prepared import Record
from gateway.storage.unit_of_work.unit import UnitOfWork
from gateway.storage.unit_of_work.work import Work

__all__ = ["Record", "UnitOfWork", "Work"]
