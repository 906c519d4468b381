"""The command line `hat-sim`: one file a verb."""
