"""Everything a user has done, without Panel: session, columns, jobs, background work."""
