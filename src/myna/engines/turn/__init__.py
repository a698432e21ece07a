"""Turn detectors, one file each."""
