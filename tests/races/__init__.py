"""Many at once: four server processes on PostgreSQL, threads of one on SQLite, over HTTP."""
