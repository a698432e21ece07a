"""A robot that drives where it is told to."""
