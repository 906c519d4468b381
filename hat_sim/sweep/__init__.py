"""Many runs of one scenario, with some of its values varied."""
