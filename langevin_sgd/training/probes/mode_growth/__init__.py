"""The `mode_growth` probe: how much every mode about a minimum still spreads."""
