"""What people see while it runs: log, progress bars, times, and what a terminal may be sent."""
