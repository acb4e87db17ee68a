"""Units of work: one request, one transaction.

Invariant: nothing outside this package commits.
"""

from gateway.storage.prepared import Record
from gateway.storage.unit_of_work.unit import COUNTED, UnitOfWork
from gateway.storage.unit_of_work.work import Work

__all__ = ["COUNTED", "Record", "UnitOfWork", "Work"]
