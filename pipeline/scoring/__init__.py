"""Pure functions over arrays and strings: scores, their intervals, error kinds, calibration."""
