"""What hat_sim is measured by: `python -m benchmarks` runs it, `python -m benchmarks.page` writes it up."""
