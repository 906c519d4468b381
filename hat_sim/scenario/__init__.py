"""What a user writes down: scenario files, the device and link profiles, and the fleets they describe."""
