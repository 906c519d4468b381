"""Domain data: one interface, three kinds behind it (packaged, a folder, generated), and the splits."""
