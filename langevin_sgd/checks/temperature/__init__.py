"""The check of effective temperatures by response: one, or one for every mode?"""
