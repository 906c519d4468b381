"""The methods that HaT is held against."""
