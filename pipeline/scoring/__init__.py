"""Pure functions over arrays and strings: metrics, intervals, edit kinds, calibration."""
