"""The methods: HaT and its peers, all of one shape."""
