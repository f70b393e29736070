"""What the sections of every config are made of, whichever kind they belong to."""
