"""The commands of run.py, one file each: options, their checks and the call, no algorithms."""
