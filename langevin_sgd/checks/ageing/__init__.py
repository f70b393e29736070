"""The check of displacements between two times: do they follow a law, and is it ageing?"""
