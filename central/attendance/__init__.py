"""考勤: time clocks and the punches that they take."""
