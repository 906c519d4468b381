"""Reports: a run or a sweep as one HTML file that needs no network, its plots also as images."""
