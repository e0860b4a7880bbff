"""Jobs on several workers: leases in the run folder say who does what; executors only start processes and wait for them."""
