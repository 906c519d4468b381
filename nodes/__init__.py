"""What a device does, seen from the device: no Ray, no clock, no I/O."""
